"""The key set of a trusted issuer as it is known here, and reading it now.

Rule: to show a page nothing is fetched. The button reads at most once a minute, over all nodes, as a token of an
unknown key would (mintmark/outbound/kept.py).
"""

from dataclasses import dataclass
from typing import Any

from mintmark.issuers.key_sources import DISCOVERED, KEY_SET, way_of
from mintmark.models import TrustedIssuer
from mintmark.outbound import discovery, kept, key_sets, waiting
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.key_sets import KeySet
from mintmark.outbound.waiting import NoTurn
from mintmark.web import get_mint


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the keys of an issuer are, and what is known of them; no `address`: that is not known yet."""

    address: str | None
    found: KeySet


def stored(row: TrustedIssuer) -> Stored:
    """Return what is known, and fetch nothing."""
    mint = get_mint()
    often: dict[str, Any] = {"fetch_also": mint.settings.fetch_also, "may_fetch": False}
    now = mint.clock()
    address = row.definition["jwks_url"]
    if way_of(row.definition) == DISCOVERED:
        document = kept.look(discovery.address_of(row.issuer), now=now)
        try:
            address = discovery.metadata_of(row.issuer, now=now, **often)["jwks_uri"]
        except NotFetched:
            return Stored(None, KeySet(tried_at=document.tried_at, problem=document.problem))
    return Stored(address, key_sets.key_set_at(address, row.definition["algorithm"], now=now, **often))


def read_now(row: TrustedIssuer) -> str:
    """Read the key set of an issuer, if that may be done now; return what came of it, in words."""
    try:
        with waiting.turn():
            return _read(row)
    except NoTurn as error:
        return str(error)


def _read(row: TrustedIssuer) -> str:
    mint = get_mint()
    now, fetch_also, algorithm = mint.clock(), mint.settings.fetch_also, row.definition["algorithm"]
    way, address, issuer = way_of(row.definition), row.definition["jwks_url"], row.issuer
    if way not in (KEY_SET, DISCOVERED):
        return "Nothing is read for this issuer: its key stands here."
    try:
        if way == DISCOVERED:
            address = discovery.metadata_of(issuer, now=now, fetch_also=fetch_also)["jwks_uri"]
            fetch_also = discovery.listed_for(issuer, fetch_also=fetch_also)
        before = key_sets.key_set_at(address, algorithm, now=now, fetch_also=fetch_also, may_fetch=False)
        document = kept.get(address, now=now, max_age=0, fetch_also=fetch_also, refetch=True, see=key_sets.entries_of)
    except NotFetched as error:
        return f"It was not read. {error}"
    if document.tried_at == before.tried_at:
        return "It was read, or tried, within the last minute: wait a little."
    if document.problem is not None:
        return f"It was not read. {document.problem}"
    return "The key set was read."
