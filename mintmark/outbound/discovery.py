"""Discovery documents of others (OpenID Connect Discovery 1.0 §4): where an issuer has its keys and its endpoints.

Rule: a document speaks for the issuer that it names exactly (§4.3), and every address in it is looked at like one that
somebody entered: of the origins in FETCH_ALSO it may name any where its issuer's own is listed, and else none, so that
no issuer leads this site to what was listed for another. Only the members that are known here leave this module.
"""

from time import monotonic
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import read_text
from mintmark.outbound import fetching, kept
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.key_sets import Keys, key_set_at, known
from mintmark.outbound.targets import is_listed, read_target

MAX_AGE = 3_600
_PATH = "/.well-known/openid-configuration"
ADDRESSES = (
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
)
LISTS = (
    "response_types_supported",
    "scopes_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
)
SWITCHES = ("authorization_response_iss_parameter_supported",)  # RFC 9207 §3
_MOST_LISTED = 200


def address_of(issuer: str) -> str:
    """Return where the discovery document of an issuer is."""
    return issuer.removesuffix("/") + _PATH


def listed_for(issuer: str, *, fetch_also: frozenset[str]) -> frozenset[str]:
    """Return the origins of FETCH_ALSO at which the endpoints and keys of an issuer may be."""
    try:
        target = read_target(address_of(issuer), fetch_also=fetch_also)
    except FieldError:
        return frozenset()
    return fetch_also if is_listed(target, fetch_also) else frozenset()


def metadata_of(
    issuer: str,
    *,
    now: float,
    fetch_also: frozenset[str],
    may_fetch: bool = True,
    seconds: float = fetching.SECONDS,
) -> dict[str, Any]:
    """Return what is known of an issuer: `issuer`, `jwks_uri`, and of ADDRESSES, LISTS and SWITCHES what it has.

    Raises NotFetched where nothing is known that may be used.
    """

    def see(document: dict[str, Any]) -> dict[str, Any]:
        return read_metadata(document, issuer, fetch_also=fetch_also)

    url = address_of(issuer)
    if may_fetch:
        found = kept.get(url, now=now, max_age=MAX_AGE, fetch_also=fetch_also, see=see, seconds=seconds)
    else:
        found = kept.look(url, now=now)
    if found.body is None:
        raise NotFetched(found.problem or "Its discovery document was not read yet; another process may be reading it.")
    return see(found.body)


def keys_of(
    issuer: str,
    algorithm: str,
    *,
    now: float,
    fetch_also: frozenset[str],
    wanted_kid: str | None = None,
    may_fetch: bool = True,
) -> Keys:
    """Return the keys of the key set that an issuer's discovery document names (`key_sets.keys_at`).

    Whoever asks waits for document and key set no longer than for one. Raises NotFetched.
    """
    ends_at = monotonic() + fetching.SECONDS
    metadata = metadata_of(issuer, now=now, fetch_also=fetch_also, may_fetch=may_fetch)
    return known(
        key_set_at(
            metadata["jwks_uri"],
            algorithm,
            now=now,
            fetch_also=listed_for(issuer, fetch_also=fetch_also),
            wanted_kid=wanted_kid,
            may_fetch=may_fetch,
            seconds=ends_at - monotonic(),
        )
    )


def read_metadata(document: dict[str, Any], issuer: str, *, fetch_also: frozenset[str]) -> dict[str, Any]:
    """Return the members of a discovery document that are known here. Raises NotFetched."""
    if document.get("issuer") != issuer:
        raise NotFetched("Its discovery document is that of another issuer: “issuer” must be the same to the letter.")
    found: dict[str, Any] = {"issuer": issuer}
    listed = listed_for(issuer, fetch_also=fetch_also)
    for name in ADDRESSES:
        if document.get(name) is not None or name == "jwks_uri":
            found[name] = _address(document.get(name), name, listed)
    for name in LISTS:
        if document.get(name) is not None:
            found[name] = _texts(document[name], name)
    for name in SWITCHES:
        if isinstance(document.get(name), bool):
            found[name] = document[name]
    return found


def _address(value: Any, name: str, listed: frozenset[str]) -> str:
    try:
        read_target(value, fetch_also=listed, field=name)
    except FieldError as error:
        raise NotFetched(f"Its discovery document cannot be used: “{name}” {error}.") from None
    return str(value)


def _texts(value: Any, name: str) -> list[str]:
    try:
        if not isinstance(value, list) or len(value) > _MOST_LISTED:
            raise FieldError(f"is no list of at most {_MOST_LISTED} texts")
        return [read_text(each, name) for each in value]
    except FieldError as error:
        raise NotFetched(f"Its discovery document cannot be used: “{name}” {error}.") from None
