"""What an OpenID provider says of itself, as it is known here, and reading it now.

Rule: to show a page nothing is fetched. The button reads at most once a minute, over all nodes, as a sign-in would.
"""

from dataclasses import dataclass
from typing import Any

from mintmark.models import OpenIDProvider
from mintmark.openid import flow
from mintmark.outbound import discovery, kept, key_sets, waiting
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.key_sets import KeySet
from mintmark.outbound.waiting import NoTurn
from mintmark.web import get_mint


@dataclass(frozen=True, slots=True)
class Found:
    """The metadata of a provider and its key set, as they are kept; `problems` are (danger or warning, words)."""

    metadata: dict[str, Any] | None
    keys: KeySet | None
    fetched_at: int | None
    problems: list[tuple[str, str]]


def stored(row: OpenIDProvider) -> Found:
    """Return what is known, and fetch nothing."""
    mint = get_mint()
    now, fetch_also = mint.clock(), mint.settings.fetch_also
    document = kept.look(discovery.address_of(row.issuer), now=now)
    problems = [("warning", f"It was not read at the last attempt. {document.problem}")] if document.problem else []
    try:
        metadata = discovery.metadata_of(row.issuer, now=now, fetch_also=fetch_also, may_fetch=False)
    except NotFetched as error:
        if document.body is not None:
            problems = [("danger", str(error))]
        return Found(None, None, document.fetched_at, problems)
    algorithm = row.definition["algorithm"]
    keys = key_sets.key_set_at(metadata["jwks_uri"], algorithm, now=now, fetch_also=fetch_also, may_fetch=False)
    problems += _differences(row, metadata)
    problems += [("warning", f"Its key set was not read at the last attempt. {keys.problem}")] if keys.problem else []
    if keys.fetched_at is not None and not keys.keys:
        problems.append(("danger", f"Its key set has no key for {algorithm}: nobody can sign in."))
    return Found(metadata, keys, document.fetched_at, problems)


def _differences(row: OpenIDProvider, metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where the settings here are not what the provider says that it takes."""
    said = [
        ("danger", f"It does not say its {name}: nobody can sign in.") for name in flow.NEEDED if name not in metadata
    ]
    method = "none" if row.sealed is None else row.definition["auth_method"]
    asked = [
        (
            "id_token_signing_alg_values_supported",
            row.definition["algorithm"],
            "It signs with {said}, not with {asked}.",
        ),
        ("code_challenge_methods_supported", "S256", "It does not say that it takes PKCE with {asked}."),
        ("response_types_supported", "code", "It does not say that it takes the code flow."),
        ("token_endpoint_auth_methods_supported", method, "Clients say who they are by {said}, not by {asked}."),
    ]
    for name, value, words in asked:
        if name in metadata and value not in metadata[name]:
            listed = ", ".join(metadata[name][:12]) or "nothing"
            said.append(("warning", words.format(said=listed, asked=value)))
    unknown = [
        each for each in row.definition["scopes"].split() if each not in metadata.get("scopes_supported", [each])
    ]
    if unknown:
        said.append(("warning", f"It does not say that it knows the scope {unknown[0]}."))
    return said


def read_now(row: OpenIDProvider) -> str:
    """Read the metadata and the key set, if that may be done now; return what came of it, in words."""
    try:
        with waiting.turn():
            return _read(row)
    except NoTurn as error:
        return str(error)


def _read(row: OpenIDProvider) -> str:
    mint = get_mint()
    now, fetch_also, issuer, algorithm = mint.clock(), mint.settings.fetch_also, row.issuer, row.definition["algorithm"]

    def see(document: dict[str, Any]) -> object:
        return discovery.read_metadata(document, issuer, fetch_also=fetch_also)

    url = discovery.address_of(issuer)
    before = kept.look(url, now=now)
    document = kept.get(url, now=now, max_age=0, fetch_also=fetch_also, refetch=True, see=see)
    if document.tried_at == before.tried_at:
        return "It was read, or tried, within the last minute: wait a little."
    if document.problem is not None or document.body is None:
        return f"It was not read. {document.problem}"
    metadata = discovery.read_metadata(document.body, issuer, fetch_also=fetch_also)
    listed = discovery.listed_for(issuer, fetch_also=fetch_also)
    keys = key_sets.key_set_at(metadata["jwks_uri"], algorithm, now=now, fetch_also=listed)
    if keys.problem:
        return f"It was read, but its key set was not. {keys.problem}"
    return f"It was read, and so was its key set: {len(keys.keys)} for {algorithm}."
