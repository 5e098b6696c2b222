"""Changing the life of a signing key: another moment, out of the key sets, or revoked in an emergency.

Rule: as in mintmark/keys/making.py; only revoking keeps no wait, for that is what it is for.
"""

from collections.abc import Mapping

from mintmark import log
from mintmark.errors import FieldError
from mintmark.keypairs import KeyPair
from mintmark.keys.adding import Moments, add, reminded, see_is_near
from mintmark.keys.lasting import gone_from, retire
from mintmark.keys.life import FOR_EVER, GONE, NEXT, PLANNED, RETIRED, REVOKED, SIGNING, may_sign_from, state_of
from mintmark.keys.making import too_early
from mintmark.keys.rings import count_up, drop_private_halves, has_served, lock_ring, usable
from mintmark.log import Occasion
from mintmark.models import SigningKey
from mintmark.moment import iso
from mintmark.sealing import Sealer


def move(key: SigningKey, signs_from_at: int | None, *, by: Occasion) -> None:
    """Let a key that does not sign yet do so from another moment on; None: as soon as it may. Raises FieldError.

    One that is not published yet is published at once where it could not sign then otherwise.
    """
    ring, now = lock_ring(key.ring_id), by.now
    if state_of(key, now) not in (PLANNED, NEXT):
        raise FieldError("stands: the key signs already, or is retired", "signs_from_at")
    before, after = _around(key, now)
    earliest = earliest_turn(key, now)
    signs_from_at = earliest if signs_from_at is None else signs_from_at
    if signs_from_at < earliest:
        raise FieldError(f"is too early: {too_early(earliest, before)}", "signs_from_at")
    see_is_near("signs_from_at", signs_from_at, now)
    if after and signs_from_at >= after[0].signs_from_at:
        raise FieldError(
            f"is not before {iso(after[0].signs_from_at)}, when {after[0].key_id} follows", "signs_from_at"
        )
    was, key.signs_from_at = key.signs_from_at, signs_from_at
    if signs_from_at < may_sign_from(key.published_at):
        key.published_at = min(key.published_at, int(now))
    if before:
        retire(before[-1], signs_from_at)
    if key.retired_at is not None:
        retire(key, key.retired_at)
    count_up(ring, now)
    detail = {"key_id": key.key_id, "from": iso(was), "to": iso(signs_from_at)}
    log.note("key.rescheduled", by, kid=key.key_id, detail=detail)


def earliest_turn(key: SigningKey, now: float) -> int:
    """Return the first moment from which a key may sign that does not yet, were it published now at the latest."""
    before, _ = _around(key, now)
    if not before:  # Nobody signs, so nobody waits.
        return int(now)
    published_at = min(key.published_at, int(now))
    known = may_sign_from(published_at) if has_served(key.ring_id) else published_at
    return max(known, int(now), before[-1].signs_from_at + 1)


def _around(key: SigningKey, now: float) -> tuple[list[SigningKey], list[SigningKey]]:
    """Return those that sign before a key, and those after it."""
    present = usable(key.ring_id, now)
    place = [each.id for each in present].index(key.id)
    return present[:place], present[place + 1 :]


def revoke(
    key: SigningKey, replacement: KeyPair | None, key_id: str | None, *, sealer: Sealer, by: Occasion
) -> SigningKey | None:
    """Let nobody trust a key from now on: it is unpublished, signs no more, and its private half is taken away.

    Where it signs now, the `replacement` does so at once, until the key that was to follow does; without one
    that key signs at once where it is published, and else nothing signs. Return the key of the replacement.
    """
    ring, now = lock_ring(key.ring_id), int(by.now)
    was = state_of(key, by.now)
    if was in (REVOKED, GONE):
        raise FieldError("is gone already", "key_id")
    others = [each for each in usable(ring.id, by.now) if each.id != key.id]
    after = [each for each in others if each.signs_from_at > key.signs_from_at]
    before = [each for each in others if each.signs_from_at <= key.signs_from_at]
    follows = after[0].signs_from_at if after else None
    key.revoked_at = key.gone_at = now
    key.retired_at = min(now, key.retired_at) if key.retired_at is not None else now
    key.sealed = key.sealed_by = None
    made = None
    if was == SIGNING and replacement is not None:
        due_at = reminded(by.now).due_at if follows is None else None
        moments = Moments(published_at=now, signs_from_at=now, retired_at=follows, due_at=due_at)
        made = add(ring, replacement, key_id, now, now, moments, sealer=sealer, by=by, replaces=key.key_id)
    elif was == SIGNING and after and state_of(after[0], by.now) == NEXT:
        after[0].signs_from_at = now
    elif was in (PLANNED, NEXT) and before:
        if follows is None:
            before[-1].retired_at = before[-1].gone_at = None
        else:
            retire(before[-1], follows)
    count_up(ring, by.now)
    detail = {"key_id": key.key_id, "algorithm": ring.algorithm, "was": was, "replacement": made and made.key_id}
    log.note("key.revoked", by, kid=key.key_id, detail=detail)
    return made


def unpublish(key: SigningKey, *, by: Occasion) -> None:
    """Take a retired key whose tokens never expire out of the key sets: none of them verifies any more."""
    ring = lock_ring(key.ring_id)
    if state_of(key, by.now) != RETIRED or key.gone_at is not None:
        raise FieldError("goes by itself, when the last of its tokens has expired", "key_id")
    key.gone_at = int(by.now)
    count_up(ring, by.now)
    log.note("key.unpublished", by, kid=key.key_id, detail={"key_id": key.key_id})


def reset(key: SigningKey, moments: Mapping[str, int | None], *, by: Occasion) -> None:
    """Give a key moments that no other one depends on: `gone_at`, `due_at`. Raises FieldError."""
    ring = lock_ring(key.ring_id)
    for name, moment in moments.items():
        see_is_near(name, moment, by.now)
        setattr(key, name, moment)
    count_up(ring, by.now)
    told = {name: None if moment is None else iso(moment) for name, moment in moments.items()}
    log.note("key.rescheduled", by, kid=key.key_id, detail={"key_id": key.key_id, **told})


def settle(key: SigningKey, gone_at: float | None, *, by: Occasion) -> None:
    """Let a key that came from elsewhere go when its tokens have expired, now that its assets are here.

    `gone_at` is that of elsewhere, which holds where the next key has retired it by the rules alone; None: there
    was none. Its private half is taken away where it is gone.
    """
    if key.retired_at is not None and gone_at is None:
        key.gone_at = gone_from(key, key.retired_at)
    elif gone_at == FOR_EVER:
        key.gone_at = None
    elif gone_at is not None and key.gone_at is not None:
        key.gone_at = max(key.gone_at, int(gone_at))
    drop_private_halves(key.ring_id, by.now)
