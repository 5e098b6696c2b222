"""Rings: the keys that follow each other, what their ids name, and by which one of them each is known.

Rule: within a ring the keys follow each other without a gap: each is retired at the moment from which
the next one signs. Every change counts the ring's revision up, so that no process goes on with the
keys that it has prepared.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select, update
from sqlalchemy.orm import aliased

from mintmark.errors import NotFound
from mintmark.keys.life import GONE, NEXT, PLANNED, REVOKED, SIGNING, state_of
from mintmark.models import KeyRing, Revision, SigningKey, db
from mintmark.models.base import find_by_id

IN_TURN = (SigningKey.signs_from_at, SigningKey.created_at, SigningKey.id)
_other = aliased(SigningKey)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the id of a key names: its ring, and the algorithm of that."""

    ring_id: str
    algorithm: str


def choices() -> dict[str, Choice]:
    """Return what every key id names; one whose ring has no key left to sign with stays out."""
    statement = select(SigningKey.key_id, KeyRing.id, KeyRing.algorithm).join(KeyRing, KeyRing.id == SigningKey.ring_id)
    can_sign = exists().where(_other.ring_id == KeyRing.id, _other.revoked_at.is_(None), _other.sealed.is_not(None))
    found = db.session.execute(statement.where(can_sign))
    return {key_id: Choice(ring_id, algorithm) for key_id, ring_id, algorithm in found}


def keys_of(ring_id: str) -> list[SigningKey]:
    """Return all keys of a ring as they are now, in the order in which they sign."""
    statement = select(SigningKey).where(SigningKey.ring_id == ring_id)
    return list(db.session.scalars(statement.order_by(*IN_TURN).execution_options(populate_existing=True)))


def known_by(keys: Sequence[SigningKey], now: float) -> SigningKey:
    """Return the key that a ring is known by: the one that signs, else the first that will, else the last."""
    states = [state_of(key, now) for key in keys]
    named = (key for wanted in ((SIGNING,), (NEXT, PLANNED)) for key, state in zip(keys, states, strict=True)
             if state in wanted)  # fmt: skip
    return next(named, keys[-1])


def names(of: Collection[str] | None = None, *, now: float) -> dict[str, str]:
    """Return by what key id each ring (`of`: of these) is known."""
    statement = select(SigningKey).order_by(*IN_TURN)
    if of is not None:
        statement = statement.where(SigningKey.ring_id.in_(of))
    found: dict[str, list[SigningKey]] = {}
    for key in db.session.scalars(statement):
        found.setdefault(key.ring_id, []).append(key)
    return {ring_id: known_by(keys, now).key_id for ring_id, keys in found.items()}


def get_key(key_id: str) -> SigningKey:
    """Return a key by the id of its row. Raises NotFound."""
    key = find_by_id(SigningKey, key_id)
    if key is None:
        raise NotFound("There is no such signing key.")
    return key


def find_key(key_id: str) -> SigningKey | None:
    """Return a key by its key id."""
    return db.session.scalar(select(SigningKey).where(SigningKey.key_id == key_id))


def lock_ring(ring_id: str) -> KeyRing:
    """Return a ring as it is now, locked until the caller's transaction ends. Raises NotFound.

    Keys of it that the caller has read before are read again: who waited for the lock sees what was done meanwhile.
    """
    ring = find_by_id(KeyRing, ring_id, is_locked=True)
    if ring is None:
        raise NotFound("There is no such signing key.")
    keys_of(ring_id)
    return ring


def usable(ring_id: str, now: float) -> list[SigningKey]:
    """Return the keys of a ring that sign, or will."""
    return [key for key in keys_of(ring_id) if state_of(key, now) in (PLANNED, NEXT, SIGNING)]


def has_served(ring_id: str) -> bool:
    """Tell whether any asset ever signed with a ring; one that was purged has left its mark on the keys."""
    uses = exists().where(Revision.ring_id == ring_id)
    used = exists().where(SigningKey.ring_id == ring_id, SigningKey.needed_until_at.is_not(None))
    return bool(db.session.scalar(select(uses | used)))


def count_up(ring: KeyRing, now: float) -> None:
    """Whoever has prepared keys of this ring prepares them anew; and private halves of gone keys are taken away."""
    ring.revision += 1
    leaving = select(Revision.ring_id).where(Revision.former_ring_id == ring.id, Revision.former_until_at > int(now))
    also = update(KeyRing).where(KeyRing.id.in_(leaving)).values(revision=KeyRing.revision + 1)
    db.session.execute(also, execution_options={"synchronize_session": "fetch"})
    drop_private_halves(ring.id, now)


def drop_private_halves(ring_id: str, now: float) -> None:
    """Take away the private halves of what is gone or revoked."""
    for key in keys_of(ring_id):
        if state_of(key, now) in (GONE, REVOKED):
            key.sealed = key.sealed_by = None
    db.session.flush()
