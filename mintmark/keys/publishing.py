"""Publishing: which public keys stand in which key set, and how each of them is written there.

Rule: a JWK is put together from the members that verify, by their names; nothing else of a row can
get into it, whatever the row holds (RFC 7517 §9.2). Keys stand in the order in which they were
published, so that a set is the same on every node and grows at its end.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased, defer

from mintmark.keys.life import CACHE_SECONDS, FOR_EVER, SKEW_SECONDS, is_published, needed_until
from mintmark.keys.sharing import is_for_all
from mintmark.models import KeyRing, Revision, SigningKey, db

# RFC 7518 §6.2.1 and §6.3.1, RFC 8037 §2.
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_later = aliased(Revision)  # The one that followed.
_GOOD_UNTIL = _later.at + Revision.lifetime + SKEW_SECONDS + CACHE_SECONDS


def jwk_of(key: SigningKey) -> dict[str, Any]:
    """Return the public half of a key as a JWK (RFC 7517 §4)."""
    kind = key.public["kty"]
    members = {name: key.public[name] for name in _MEMBERS[kind]}
    return {"kty": kind, "use": "sig", "alg": key.algorithm, "kid": key.key_id, **members}


def site_keys(*, now: float) -> list[SigningKey]:
    """Return the keys of the site's key set: those with which no asset signs for more than its own `aud`."""
    statement = select(SigningKey).join(KeyRing, KeyRing.id == SigningKey.ring_id)
    return _published(statement.where(is_for_all(now=now)), now)


def asset_keys(asset_id: str, *, now: float) -> list[SigningKey]:
    """Return the keys of an asset's key set; [] where nobody needs one."""
    return keys_in(asset_rings(asset_id, now=now), now=now)


def asset_rings(asset_id: str, *, now: float) -> dict[str, float]:
    """Return the rings whose keys verify what an asset signs, or signed and is good still, and until when each does.

    That moment is FOR_EVER with the present ring. A ring that the asset gave up stays for as long as the last
    tokens that it signed, for ever where one of those never expires.
    """
    statement = (
        select(Revision.ring_id, Revision.former_ring_id, Revision.former_until_at, Revision.lifetime, _later.at)
        .outerjoin(_later, (_later.asset_id == Revision.asset_id) & (_later.number == Revision.number + 1))
        .where(Revision.asset_id == asset_id, Revision.ring_id.is_not(None))
        .where(or_(_later.at.is_(None), Revision.lifetime.is_(None), _GOOD_UNTIL > int(now)))
    )
    found: dict[str, float] = {}
    for ring_id, former_id, former_until_at, lifetime, superseded_at in db.session.execute(statement):
        end = FOR_EVER if superseded_at is None else superseded_at
        turns = {ring_id: end, former_id: end if former_until_at is None else min(end, former_until_at)}
        for each, until in turns.items():
            if each is not None and (until == FOR_EVER or _is_needed(int(until), lifetime, now)):
                found[each] = max(until, found.get(each, 0))
    return found


def _is_needed(retired_at: int, lifetime: int | None, now: float) -> bool:
    """Tokens of this lifetime that were signed until a moment may be good still."""
    until = needed_until(retired_at, lifetime)
    return until is None or until > now


def keys_in(rings: Mapping[str, float], *, now: float) -> list[SigningKey]:
    """Return the published keys of some rings; of a ring that was given up those that signed before that moment."""
    if not rings:
        return []
    keys = _published(select(SigningKey).where(SigningKey.ring_id.in_(list(rings))), now)
    return [key for key in keys if key.signs_from_at <= rings[key.ring_id]]


def _published(statement: Select[SigningKey], now: float) -> list[SigningKey]:
    """Keys that are gone are left where they are, and the private half of none is read."""
    statement = statement.where(or_(SigningKey.gone_at.is_(None), SigningKey.gone_at > int(now)))
    ordered = statement.options(defer(SigningKey.sealed)).order_by(SigningKey.published_at, SigningKey.key_id)
    return [key for key in db.session.scalars(ordered) if is_published(key, now)]
