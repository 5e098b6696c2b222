"""The moments of signing keys in a site file, held against each other and against those of their ring.

Rule: within a ring each key signs after the one before it, and is published before for as long as verifiers
may keep an older key set. Nobody waits for a turn that has come where the ring has not signed for assets of
this site; for one that is to come they do, for an asset may sign with the ring until then.
"""

from functools import cached_property

from mintmark.keys import rings
from mintmark.keys.adding import YEARS_AHEAD, Moments, see_is_near
from mintmark.keys.life import FOR_EVER, may_sign_from
from mintmark.moment import iso
from mintmark.site_file.problems import Entry, Problems

Turn = tuple[str, int]  # key id, and the moment from which it signs


class PlannedRing:
    """A ring as it will be: its `turns` are those of the keys that sign, or will, in their order."""

    def __init__(self, ring_id: str, algorithm: str | None, turns: list[Turn] | None = None) -> None:
        """Without `turns` the ring is a new one."""
        self.id, self.algorithm = ring_id, algorithm
        self.is_new, self.turns = turns is None, turns or []

    @cached_property
    def has_signed(self) -> bool:
        """Tell whether any asset of this site ever signed with the ring."""
        return not self.is_new and rings.has_served(self.id)

    def follower_of(self, key_id: str) -> Turn | None:
        """Return whose turn comes after that of a key; None also where that has no turn any more."""
        ids = [each for each, _ in self.turns]
        return self.turns[ids.index(key_id) + 1] if key_id in ids[:-1] else None


def read_moments(problems: Problems, entry: Entry, ring: PlannedRing, now: int) -> Moments:
    """Return the moments of a new key that comes last in its ring, and say what is wrong with them."""
    values = entry.values
    published_at = values.get("published_at", now)
    if ring.has_signed and published_at < now:
        problems.add(entry, "published_at", "is past; a key is published now or later where its ring has signed here")
    earliest = known_at = published_at
    if ring.turns:
        after = ring.turns[-1][1] + 1
        known_at = max(may_sign_from(published_at), after)
        is_to_come = values.get("signs_from_at", now) > now
        earliest = known_at if ring.has_signed or is_to_come else max(published_at, after)
    signs_from_at = values.get("signs_from_at", known_at)
    if signs_from_at < earliest:
        problems.add(entry, "signs_from_at", _too_early(ring, signs_from_at, published_at, earliest))
    _see_order(problems, entry, signs_from_at)
    see_near(problems, entry, now)
    return Moments(published_at, signs_from_at, values.get("retired_at"), gone_at_of(entry), values.get("due_at"))


def gone_at_of(entry: Entry) -> float | None:
    """Return when a key goes by the file: FOR_EVER where it says null, for its tokens never expire; None: no word."""
    gone_at: int | None = entry.values.get("gone_at")
    return FOR_EVER if gone_at is None and "gone_at" in entry.values else gone_at


def see_near(problems: Problems, entry: Entry, now: float) -> None:
    """See that no moment is so far ahead that it cannot be meant."""
    for name in YEARS_AHEAD:
        with problems.catching(entry, name):
            see_is_near(name, entry.values.get(name), now)


def _too_early(ring: PlannedRing, signs_from_at: int, published_at: int, earliest: int) -> str:
    if signs_from_at < published_at:
        return "is before the key is published"
    key_id, before = ring.turns[-1]
    if signs_from_at <= before:
        return f"is not after {iso(before)}, from which {key_id} signs"
    return f"is too early: verifiers know the key from {iso(earliest)} on"


def _see_order(problems: Problems, entry: Entry, signs_from_at: int) -> None:
    retired_at, gone_at = entry.values.get("retired_at"), entry.values.get("gone_at")
    if retired_at is not None and retired_at <= signs_from_at:
        problems.add(entry, "retired_at", f"is not after {iso(signs_from_at)}, from which the key signs")
    if gone_at is not None and (retired_at is None or gone_at < retired_at):
        problems.add(entry, "gone_at", "is before the key is retired" if retired_at else "takes retired_at beside it")
    see_due(problems, entry, signs_from_at)


def see_due(problems: Problems, entry: Entry, signs_from_at: int) -> None:
    """See that the key after this one is due later."""
    due_at = entry.values.get("due_at")
    if due_at is not None and due_at <= signs_from_at:
        problems.add(entry, "due_at", f"is not after {iso(signs_from_at)}, from which the key signs")


def see_retired(problems: Problems, entry: Entry, signs_from_at: int, follower: str) -> None:
    """See that a key is retired at the moment from which the next one signs."""
    retired_at = entry.values.get("retired_at")
    if retired_at is not None and retired_at != signs_from_at:
        problems.add(entry, "retired_at", f"is not {iso(signs_from_at)}, from which {follower} signs in its place")
