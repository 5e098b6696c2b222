"""Making and bringing signing keys: the first of a ring, those that follow, a plan of several.

Rule: the waits of mintmark/keys/life.py are held here; afterwards the moments and the clock decide
alone. Each act adds and flushes in the caller's transaction, which holds the ring's lock.
"""

from collections.abc import Sequence

from mintmark.errors import FieldError
from mintmark.keypairs import KeyPair
from mintmark.keys.adding import Moments, add, see_is_near
from mintmark.keys.lasting import retire
from mintmark.keys.life import WAIT_SECONDS, may_sign_from
from mintmark.keys.rings import count_up, has_served, lock_ring, usable
from mintmark.log import Occasion
from mintmark.models import KeyRing, SigningKey, db
from mintmark.models.base import new_id
from mintmark.moment import iso
from mintmark.sealing import Sealer

MAX_IN_RING = 50  # that are not gone
_PLANNED_AHEAD = 7 * 86_400
_BY_THE_RULES = Moments()


def make(
    pair: KeyPair,
    key_id: str | None,
    *,
    sealer: Sealer,
    by: Occasion,
    is_brought: bool = False,
    ring_id: str | None = None,
    moments: Moments = _BY_THE_RULES,
) -> SigningKey:
    """Make a ring with its first key, which signs at once unless `moments` say otherwise.

    Without a `key_id` it is the thumbprint (RFC 7638). Raises FieldError where id or key are in use, or were.
    """
    ring = KeyRing(id=ring_id or new_id(), algorithm=pair.algorithm, revision=0, created_at=int(by.now))
    db.session.add(ring)
    db.session.flush()
    published_at = moments.published_at if moments.published_at is not None else int(by.now)
    signs_from_at = moments.signs_from_at if moments.signs_from_at is not None else published_at
    if signs_from_at < published_at:
        raise FieldError("is before the key is published", "signs_from_at")
    return add(ring, pair, key_id, published_at, signs_from_at, moments, sealer=sealer, by=by, is_brought=is_brought)


def follow(
    ring_id: str,
    pair: KeyPair,
    key_id: str | None,
    *,
    sealer: Sealer,
    by: Occasion,
    is_brought: bool = False,
    moments: Moments = _BY_THE_RULES,
) -> SigningKey:
    """Let another key follow the last one of a ring, which is retired when that signs.

    It is published now, and signs as soon as every verifier knows it, unless `moments` say later ones.
    Raises FieldError where a moment is too early, and NotFound.
    """
    ring = lock_ring(ring_id)
    present = usable(ring_id, by.now)
    if len(present) >= MAX_IN_RING:
        raise FieldError(f"would be one of more than {MAX_IN_RING} keys that follow each other", "key_id")
    published_at, signs_from_at = _moments_of_next(present, moments, by.now, has_signed=has_served(ring_id))
    if present:
        retire(present[-1], signs_from_at)
    key = add(ring, pair, key_id, published_at, signs_from_at, moments, sealer=sealer, by=by, is_brought=is_brought,
               replaces=present[-1].key_id if present else None)  # fmt: skip
    count_up(ring, by.now)
    return key


def _moments_of_next(
    present: Sequence[SigningKey], moments: Moments, now: float, *, has_signed: bool
) -> tuple[int, int]:
    published_at = moments.published_at if moments.published_at is not None else int(now)
    if published_at < int(now):
        raise FieldError("is past; a key is published now or later", "published_at")
    earliest = _earliest(present, published_at, has_signed=has_signed)
    signs_from_at = moments.signs_from_at if moments.signs_from_at is not None else earliest
    if signs_from_at < earliest:
        raise FieldError(f"is too early: {too_early(earliest, present)}", "signs_from_at")
    see_is_near("signs_from_at", signs_from_at, now)
    return published_at, signs_from_at


def earliest_next(ring_id: str, now: float) -> int:
    """Return the first moment from which a key may sign that follows now, and is published now."""
    return _earliest(usable(ring_id, now), int(now), has_signed=has_served(ring_id))


def _earliest(present: Sequence[SigningKey], published_at: int, *, has_signed: bool) -> int:
    """Nobody waits for the next one where none has signed, or none does any more; but no two begin at once later."""
    if not present:
        return published_at
    last = present[-1].signs_from_at
    return max(may_sign_from(published_at) if has_signed else published_at, last + 1 if last > published_at else last)


def too_early(earliest: int, before: Sequence[SigningKey]) -> str:
    """Return why a key does not sign before a moment: in words."""
    if before and earliest == before[-1].signs_from_at + 1:
        return f"the key that it follows, {before[-1].key_id}, signs from {iso(earliest - 1)} on"
    return f"verifiers know the key from {iso(earliest)} on"


def plan(
    ring_id: str, pairs: Sequence[tuple[KeyPair, str | None]], *, every: int, sealer: Sealer, by: Occasion
) -> list[SigningKey]:
    """Let several keys follow, one `every` so many seconds; each is published half that long before, at most a week.

    Raises FieldError, and NotFound.
    """
    made = []
    for (pair, key_id), signs_from_at in zip(pairs, turns(ring_id, every, len(pairs), by.now), strict=True):
        published_at = max(int(by.now), signs_from_at - min(every // 2, _PLANNED_AHEAD))
        moments = Moments(published_at, signs_from_at, due_at=signs_from_at + every)
        made.append(follow(ring_id, pair, key_id, sealer=sealer, by=by, moments=moments))
    return made


def turns(ring_id: str, every: int, amount: int, now: float) -> list[int]:
    """Return from when so many planned keys sign, one `every` so many seconds; see it before any is made.

    Raises FieldError.
    """
    if every < 4 * WAIT_SECONDS:
        raise FieldError(f"takes at least {4 * WAIT_SECONDS} seconds", "every")
    present = usable(ring_id, now)
    if len(present) + amount > MAX_IN_RING:
        raise FieldError(f"would be more than {MAX_IN_RING} keys that follow each other", "key_id")
    first = max(present[-1].signs_from_at + every if present else 0, may_sign_from(int(now)))
    moments = [first + number * every for number in range(amount)]
    see_is_near("signs_from_at", moments[-1], now)
    return moments


def adopt(
    ring_id: str, pair: KeyPair, key_id: str, *, sealer: Sealer, by: Occasion, is_brought: bool, moments: Moments
) -> SigningKey:
    """Let a key follow with the moments that it had elsewhere; past ones hold where the ring never signed here."""
    if has_served(ring_id):
        return follow(ring_id, pair, key_id, sealer=sealer, by=by, is_brought=is_brought, moments=moments)
    ring = lock_ring(ring_id)
    present = usable(ring_id, by.now)
    published_at = moments.published_at if moments.published_at is not None else int(by.now)
    signs_from_at = moments.signs_from_at if moments.signs_from_at is not None else published_at
    if signs_from_at < published_at:
        raise FieldError("is before the key is published", "signs_from_at")
    if present and signs_from_at <= present[-1].signs_from_at:
        raise FieldError("is not after that of the key that it replaces", "signs_from_at")
    known_at = may_sign_from(published_at)
    if present and by.now < signs_from_at < known_at:
        raise FieldError(f"is too early: {too_early(known_at, present)}", "signs_from_at")
    if present and present[-1].retired_at is None:
        retire(present[-1], signs_from_at)
    key = add(ring, pair, key_id, published_at, signs_from_at, moments, sealer=sealer, by=by, is_brought=is_brought,
               replaces=present[-1].key_id if present else None)  # fmt: skip
    count_up(ring, by.now)
    return key


def see_is_last(key: SigningKey, now: float, *, has_moment: bool) -> None:
    """See that whoever wants the next key soon does not get one behind those that are planned. Raises FieldError."""
    present = usable(key.ring_id, now)
    ids = [each.id for each in present]
    if present and key.id not in ids:
        raise FieldError(f"signs no more; {present[0].key_id} does in its place, or will", "key_id")
    if present and ids[-1] != key.id and not has_moment:
        after = present[ids.index(key.id) + 1]
        words = f"is followed by {after.key_id} from {iso(after.signs_from_at)} on; let that sign sooner on its page"
        raise FieldError(f"{words}, or say from which moment one behind {present[-1].key_id} signs", "key_id")
