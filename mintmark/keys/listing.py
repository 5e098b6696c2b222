"""Lists of signing keys, a ring on each line, in pages; the number of queries does not depend on how many there are."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import defer

from mintmark.errors import NotFound
from mintmark.keys.life import NEXT, PLANNED, SIGNING, state_of
from mintmark.keys.rings import IN_TURN, keys_of, known_by
from mintmark.keys.running_out import DUE, SOON_SECONDS, RunningOut, end_of
from mintmark.models import Asset, KeyRing, SigningKey, db
from mintmark.models.base import find_by_id

PAGE_SIZE = 50
_BEHIND = "\x7f"  # Sorts behind every character of a key id.


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys of one ring as they stand at a moment, in the order in which they sign; the former ones newest first.

    `known_by` is the key that names the ring.
    """

    ring: KeyRing
    signing: SigningKey | None
    coming: list[SigningKey]
    former: list[SigningKey]
    keys: list[SigningKey]
    assets: int
    known_by: SigningKey

    def warning(self, now: float) -> RunningOut | None:
        """Return what runs out, where that matters to an asset and is near."""
        found = end_of(self.keys, now) if self.assets else None
        is_near = found is not None and (found.kind != DUE or found.at <= now + SOON_SECONDS)
        return found if is_near else None


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of rings; `next_place` is where the next one begins, None on the last."""

    chains: list[Chain]
    next_place: str | None


def list_rings(*, now: float, is_past: bool = False, after: str = "") -> Listed:
    """Return a page of rings, newest first: those that sign, will, or should for an asset, or those that are past."""
    is_named = exists().where(Asset.ring_id == KeyRing.id, Asset.trashed_at.is_(None))
    lives = or_(_has_key(_still_signs(now)), is_named)
    return _page(select(KeyRing).where(~lives if is_past else lives), after, now)


def find_rings(begins: str, *, now: float, after: str = "") -> Listed:
    """Return a page of the rings that have, or had, a key whose id begins like this."""
    condition = and_(SigningKey.key_id >= begins, SigningKey.key_id < begins + _BEHIND)
    return _page(select(KeyRing).where(_has_key(condition)), after, now)


def chain_of(ring_id: str, *, now: float) -> Chain:
    """Return the keys of one ring. Raises NotFound."""
    ring = find_by_id(KeyRing, ring_id)
    if ring is None:
        raise NotFound("There is no such signing key.")
    return _chain(ring, keys_of(ring_id), _assets_of([ring_id]).get(ring_id, 0), now)


def assets_of(ring_id: str, *, limit: int) -> list[Asset]:
    """Return the first assets, by path, that sign with a ring."""
    statement = select(Asset).where(Asset.ring_id == ring_id, Asset.trashed_at.is_(None))
    return list(db.session.scalars(statement.order_by(Asset.path).limit(limit)))


def _has_key(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(SigningKey.ring_id == KeyRing.id, condition)


def _still_signs(now: float) -> ColumnElement[bool]:
    """The condition that a key is planned, next or signing (mintmark/keys/life.py)."""
    columns = (SigningKey.revoked_at, SigningKey.gone_at, SigningKey.retired_at)
    return and_(*(or_(column.is_(None), column > int(now)) for column in columns))


def _page(statement: Select[Any], after: str, now: float) -> Listed:
    if place := _place_of(after):
        at, ring_id = place
        statement = statement.where(or_(KeyRing.created_at < at, and_(KeyRing.created_at == at, KeyRing.id < ring_id)))
    ordered = statement.order_by(KeyRing.created_at.desc(), KeyRing.id.desc()).limit(PAGE_SIZE + 1)
    rings: list[KeyRing] = list(db.session.scalars(ordered))
    shown = rings[:PAGE_SIZE]
    ids = [ring.id for ring in shown]
    keys, assets = _keys_of(ids), _assets_of(ids)
    chains = [_chain(ring, keys[ring.id], assets.get(ring.id, 0), now) for ring in shown]
    return Listed(chains, f"{shown[-1].created_at}.{shown[-1].id}" if len(rings) > PAGE_SIZE else None)


def _place_of(after: str) -> tuple[int, str] | None:
    at, _, ring_id = after.partition(".")
    return (int(at), ring_id) if at.isascii() and at.isdecimal() and len(at) < 18 else None


def _keys_of(ring_ids: list[str]) -> dict[str, list[SigningKey]]:
    found: dict[str, list[SigningKey]] = {ring_id: [] for ring_id in ring_ids}
    statement = select(SigningKey).options(defer(SigningKey.sealed)).where(SigningKey.ring_id.in_(ring_ids))
    for key in db.session.scalars(statement.order_by(*IN_TURN)):
        found[key.ring_id].append(key)
    return found


def _assets_of(ring_ids: list[str]) -> dict[str, int]:
    """Count the assets that each ring serves."""
    served = (Asset.ring_id.in_(ring_ids), Asset.trashed_at.is_(None))
    statement = select(Asset.ring_id, func.count()).where(*served).group_by(Asset.ring_id)
    return {ring_id: amount for ring_id, amount in db.session.execute(statement) if ring_id}


def _chain(ring: KeyRing, keys: list[SigningKey], assets: int, now: float) -> Chain:
    states = [(state_of(key, now), key) for key in keys]
    return Chain(
        ring=ring,
        signing=next((key for state, key in states if state == SIGNING), None),
        coming=[key for state, key in states if state in (NEXT, PLANNED)],
        former=[key for state, key in reversed(states) if state not in (SIGNING, NEXT, PLANNED)],
        keys=keys,
        assets=assets,
        known_by=known_by(keys, now),
    )
