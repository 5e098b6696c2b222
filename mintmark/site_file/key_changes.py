"""What an import changes about signing keys that the site has: their moments, as far as those can change.

Rule: the pair, its algorithm and what it replaced never change. A key stays published at least until the
`gone_at` of the file: later where its tokens live longer, so that a file which is older than they are stays good.
"""

from collections.abc import Sequence

from mintmark import keypairs
from mintmark.errors import FieldError
from mintmark.keys.lasting import gone_from
from mintmark.keys.life import FOR_EVER, GONE, NEXT, PLANNED, REVOKED, SIGNING, may_sign_from, state_of
from mintmark.keys.rings import has_served
from mintmark.models import SigningKey
from mintmark.moment import iso
from mintmark.site_file.changes import KeyChange
from mintmark.site_file.key_moments import PlannedRing, gone_at_of, see_due, see_near, see_retired
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry

_CAN_SIGN = (PLANNED, NEXT, SIGNING)
_NO_CHANGE = "keys do not change; make the next one, which replaces it"


class PresentKeys:
    """The keys of the file that the site has, and the rings of the site."""

    def __init__(
        self, planning: Planning, entries: Sequence[Entry], rows: Sequence[SigningKey], passed_over: set[str]
    ) -> None:
        """`rows` are all keys of the site, in the order in which they sign; `passed_over` are ids that it never had."""
        self._planning, self._problems, self._now = planning, planning.problems, planning.now
        self._passed_over = passed_over
        self._keys = {row.key_id: row for row in rows}
        self._of_ring: dict[str, list[SigningKey]] = {}
        for row in rows:
            self._of_ring.setdefault(row.ring_id, []).append(row)
        self._moved: dict[str, int] = {}
        self._entries = [entry for entry in entries if self._is_here(entry)]
        self.rings = {ring_id: self._ring(ring_id, keys) for ring_id, keys in self._of_ring.items()}
        self._see_order()

    def _ring(self, ring_id: str, keys: Sequence[SigningKey]) -> PlannedRing:
        usable = [key for key in keys if state_of(key, self._now) in _CAN_SIGN]
        turns = [(key.key_id, self._moved.get(key.key_id, key.signs_from_at)) for key in usable]
        return PlannedRing(ring_id, keys[0].algorithm, turns)

    def _is_here(self, entry: Entry) -> bool:
        """See that an entry says of its key what is so; tell whether the key is one whose moments may change."""
        key = self._keys[entry.key]
        state = state_of(key, self._now)
        if state == REVOKED:
            words = "was revoked on this site; take it out of the file, and what it replaced or was replaced by"
            self._problems.add(entry, "key_id", words)
            return False
        self._see_same(entry, key)
        if state == GONE:
            return False
        if entry.values.get("published_at", key.published_at) != key.published_at:
            self._problems.add(entry, "published_at", f"is {iso(key.published_at)} on this site, and does not change")
        signs_from_at = entry.values.get("signs_from_at", key.signs_from_at)
        if signs_from_at != key.signs_from_at:
            self._move(entry, key, state, signs_from_at)
        see_due(self._problems, entry, signs_from_at)
        see_near(self._problems, entry, self._now)
        return True

    def _see_same(self, entry: Entry, key: SigningKey) -> None:
        values = entry.values
        if values.get("algorithm", key.algorithm) != key.algorithm:
            self._problems.add(entry, "algorithm", f"is {key.algorithm} on this site; {_NO_CHANGE}")
        elif given := values.get("private_key"):
            options = self._planning.options
            with self._problems.catching(entry, "private_key"):
                pair = self._planning.memory.pairs.find(key.key_id, given, options.environ, key.algorithm)
                if pair is not None and keypairs.thumbprint(pair.public) != key.thumbprint:
                    raise FieldError(f"is another one than this site has; {_NO_CHANGE}", "private_key")
        replaced = None if values.get("replaces") in self._passed_over else values.get("replaces")
        if "replaces" in values and replaced not in (may_be := self._may_replace(key)):
            named = " or ".join(each or "none" for each in may_be)
            self._problems.add(entry, "replaces", f"is {named} on this site; {_NO_CHANGE}")

    def _may_replace(self, key: SigningKey) -> list[str | None]:
        """Return what a file may say that a key replaced: the one before it, or one behind those that are gone."""
        keys = self._of_ring[key.ring_id]
        found: list[str | None] = []
        for before in reversed(keys[: keys.index(key)]):
            found.append(before.key_id)
            if state_of(before, self._now) not in (GONE, REVOKED):
                return found
        return [*found, None]

    def _move(self, entry: Entry, key: SigningKey, state: str, signs_from_at: int) -> None:
        if state not in (PLANNED, NEXT):
            words = f"is {iso(key.signs_from_at)} on this site; the key signs already, or is retired"
            return self._problems.add(entry, "signs_from_at", words)
        earliest = self._earliest_turn(key, signs_from_at)
        if "published_at" in entry.values:  # Else the key may be published earlier, so that it can sign then.
            earliest = max(earliest, may_sign_from(key.published_at))
        if signs_from_at < earliest:
            return self._problems.add(entry, "signs_from_at", f"is too early: it may sign from {iso(earliest)} on")
        self._moved[key.key_id] = signs_from_at

    def _earliest_turn(self, key: SigningKey, signs_from_at: int) -> int:
        """Return what `mintmark.keys.changing.earliest_turn` says, but for the keys before it: those may move, too."""
        now = int(self._now)
        keys = self._of_ring[key.ring_id]
        if not any(state_of(before, now) in _CAN_SIGN for before in keys[: keys.index(key)]):
            return now
        published_at = min(key.published_at, now)
        is_at_once = signs_from_at <= now and not has_served(key.ring_id)  # As in read_moments of key_moments.py.
        return now if is_at_once else max(now, may_sign_from(published_at))

    def _see_order(self) -> None:
        entries = {entry.key: entry for entry in self._entries}
        for ring in self.rings.values():
            for (before, first), (key_id, second) in zip(ring.turns, ring.turns[1:], strict=False):
                if second <= first:
                    entry = entries[key_id if key_id in self._moved else before]
                    words = f"{key_id} would not sign after {before}, which it replaces"
                    self._problems.add(entry, "signs_from_at", words)

    def plan(self) -> list[tuple[Entry, list[str]]]:
        """Plan what changes, when the rings are whole; return each entry with its fields."""
        found, changes = [], []
        for entry in self._entries:
            key = self._keys[entry.key]
            moments: dict[str, int | None] = {}
            if key.key_id in self._moved:
                moments["signs_from_at"] = self._moved[key.key_id]
            if self._is_gone_later(entry, key):
                moments["gone_at"] = entry.values["gone_at"]
            if entry.values.get("due_at", key.due_at) != key.due_at:
                moments["due_at"] = entry.values["due_at"]
            if moments:
                changes.append(KeyChange(key.id, key.key_id, moments))
                found.append((entry, list(moments)))
        self._planning.plan.key_changes += sorted(changes, key=self._turn)
        return found

    def _turn(self, change: KeyChange) -> tuple[bool, int]:
        """Keys that are to sign later make room first, the last of them before all others."""
        before = self._keys[change.key_id].signs_from_at
        is_later = (change.moments.get("signs_from_at") or 0) > before
        return not is_later, -before if is_later else before

    def _is_gone_later(self, entry: Entry, key: SigningKey) -> bool:
        """Tell whether the file keeps a key longer than its tokens need it, and see when it is retired."""
        retired_at, gone_at = key.retired_at, key.gone_at
        if follower := self.rings[key.ring_id].follower_of(key.key_id):
            see_retired(self._problems, entry, follower[1], follower[0])
            if follower[1] != retired_at:
                retired_at = follower[1]
                gone_at = gone_from(key, retired_at)
        elif entry.values.get("retired_at", retired_at) not in (None, retired_at):
            present = iso(retired_at) if retired_at is not None else "open"
            words = f"is {present} on this site; it follows from the key that replaces this one"
            self._problems.add(entry, "retired_at", words)
        given = gone_at_of(entry)
        if given not in (None, FOR_EVER) and retired_at is None:
            self._problems.add(entry, "gone_at", "is for a key that is retired; nothing replaces this one")
        return given is not None and retired_at is not None and gone_at is not None and given > gone_at
