"""How long a key is needed: until the last of its tokens has expired, by the lifetimes of the assets that it served.

Rule: nothing is forgotten with an asset that is purged; what its tokens need is kept on the keys then. A key
that is needed for ever stays published until somebody takes it out by hand.
"""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from mintmark.keys.life import is_published, needed_until
from mintmark.keys.rings import keys_of, lock_ring
from mintmark.models import Revision, SigningKey, db

_FOR_EVER = 2**62  # as a moment in the database


def longest_lifetime(key: SigningKey, *, asset_id: str | None = None) -> int | None:
    """Return the longest lifetime of what a key signed, or will sign as its assets are now; None: some is for ever.

    Revisions that were followed by another one before the key was published do not count: from then on it may
    sign tokens to try it with. With `asset_id` of that asset alone.
    """
    later = aliased(Revision)
    superseded = exists().where(
        later.asset_id == Revision.asset_id, later.number == Revision.number + 1, later.at < key.published_at
    )
    uses = (Revision.ring_id == key.ring_id) | (Revision.former_ring_id == key.ring_id)
    statement = select(func.max(Revision.lifetime), func.count() - func.count(Revision.lifetime)).where(
        uses, ~superseded
    )
    if asset_id is not None:
        statement = statement.where(Revision.asset_id == asset_id)
    longest, endless = db.session.execute(statement).one()
    return None if endless else longest or 0


def gone_from(key: SigningKey, retired_at: int) -> int | None:
    """Return when nobody needs a key any more that is retired at a moment; None: some of its tokens never expire."""
    until = needed_until(retired_at, longest_lifetime(key))
    if until is None or key.needed_until_at == _FOR_EVER:
        return None
    return max(until, key.needed_until_at or 0)


def retire(key: SigningKey, at: int) -> None:
    """Let a key sign until a moment, and be gone when nobody needs it any more."""
    key.retired_at = at
    key.gone_at = gone_from(key, at)


def see_lifetime(ring_id: str, lifetime: int | None, *, now: float) -> None:
    """Keep the keys of a ring published long enough for tokens of this lifetime, which are signed from now on."""
    for key in keys_of(ring_id):
        if key.retired_at is None or key.retired_at <= now or key.gone_at is None:
            continue
        until = needed_until(key.retired_at, lifetime)
        key.gone_at = None if until is None else max(key.gone_at, until)
    db.session.flush()


def remember(asset_id: str, *, signed_until: int, now: float) -> None:
    """Before an asset is purged that signed until a moment: keep how long its keys are needed for its tokens."""
    of_asset = Revision.asset_id == asset_id
    named = [db.session.scalars(select(one).where(of_asset)) for one in (Revision.ring_id, Revision.former_ring_id)]
    for ring_id in sorted({each for found in named for each in found if each is not None}):
        lock_ring(ring_id)
        for key in keys_of(ring_id):
            if is_published(key, now):
                last = signed_until if key.retired_at is None else min(signed_until, key.retired_at)
                until = needed_until(last, longest_lifetime(key, asset_id=asset_id))
                key.needed_until_at = max(key.needed_until_at or 0, _FOR_EVER if until is None else until)
    db.session.flush()


def is_remembered(key: SigningKey, now: float) -> bool:
    """Tell whether tokens of assets that were purged may be good."""
    return key.needed_until_at is not None and key.needed_until_at > now
