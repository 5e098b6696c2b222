"""What an import does with signing keys: made or brought, each in its ring, and other moments of those that are there.

Rule: keys do not change, and none is taken away by an import; the next one replaces it. The waits of
mintmark/keys/life.py hold where a ring has signed here. A key of the file that is gone by now is passed over.
"""

from sqlalchemy import select

from mintmark.errors import FieldError
from mintmark.keypairs import KeyPair, thumbprint
from mintmark.keys import rings
from mintmark.keys.adding import Moments
from mintmark.keys.making import MAX_IN_RING
from mintmark.keys.rings import IN_TURN, Choice
from mintmark.models import SigningKey, db
from mintmark.models.base import new_id
from mintmark.site_file.changes import NewKey
from mintmark.site_file.key_changes import PresentKeys
from mintmark.site_file.key_moments import PlannedRing, read_moments, see_retired
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry


def plan_keys(planning: Planning) -> None:
    """Compare every signing key of the file with the site."""
    planning.keys = rings.choices()
    if entries := planning.entries("signing_keys"):
        _Keys(planning, entries).compare()


class _Keys:
    def __init__(self, planning: Planning, entries: list[Entry]) -> None:
        self._planning, self._problems, self._now = planning, planning.problems, int(planning.now)
        rows = list(db.session.scalars(select(SigningKey).order_by(*IN_TURN)))
        self._rows = {row.key_id: row for row in rows}
        self._thumbprints = {row.thumbprint: row.key_id for row in rows}
        others = [entry for entry in entries if entry.key not in self._rows]
        self._gone = {entry.key for entry in others if self._is_gone(entry)}
        present = [entry for entry in entries if entry.key in self._rows]
        self._present = PresentKeys(planning, present, rows, self._gone)
        self._new = {entry.key: entry for entry in others if entry.key not in self._gone}
        self._made: list[tuple[Entry, str, list[str]]] = []

    def _is_gone(self, entry: Entry) -> bool:
        gone_at = entry.values.get("gone_at")
        return gone_at is not None and gone_at <= self._now

    def compare(self) -> None:
        """Find out what is different, and what is new."""
        followers = self._followers()
        for entry in self._new.values():
            if self._replaced(entry) not in self._new:
                self._plan_chain(entry, followers)
        changed = [(entry, "~", fields) for entry, fields in self._present.plan()]
        for entry, sign, fields in sorted([*self._made, *changed], key=lambda each: each[0].place):
            self._planning.change(sign, "signing_keys", entry.key, fields)

    def _followers(self) -> dict[str, Entry]:
        """Return the new keys by the id of the one that each replaces."""
        found: dict[str, Entry] = {}
        for entry in self._new.values():
            replaced = self._replaced(entry)
            if replaced is None:
                continue
            if replaced not in self._new and replaced not in self._rows:
                self._problems.add(entry, "replaces", f"“{replaced}” is no signing key of this site or of the file")
            elif (other := found.setdefault(replaced, entry)) is not entry:
                self._problems.add(entry, "replaces", f"{replaced} is replaced by {other.key} already")
        self._see_no_circle()
        return found

    def _replaced(self, entry: Entry) -> str | None:
        """Return the key id that an entry replaces; one that is gone and not here is none."""
        replaced: str | None = entry.values.get("replaces")
        return None if replaced in self._gone else replaced

    def _see_no_circle(self) -> None:
        done = set[str | None]()
        for first in self._new:
            passed: list[str] = []
            key_id: str | None = first
            while key_id in self._new and key_id not in done:
                passed.append(key_id)
                done.add(key_id)
                key_id = self._replaced(self._new[key_id])
            for each in passed[passed.index(key_id) :] if key_id in passed else ():
                self._problems.add(self._new[each], "replaces", "goes round in a circle")

    def _plan_chain(self, entry: Entry, followers: dict[str, Entry]) -> None:
        """Plan the first new key of a ring and those that follow it, in this order."""
        ring = self._ring_of(entry)
        before: Entry | None = None
        link: Entry | None = entry
        while link is not None:
            moments = self._plan_key(link, ring)
            if before is not None:
                see_retired(self._problems, before, moments.signs_from_at or 0, link.key)
            before, link = link, followers.get(link.key)

    def _ring_of(self, entry: Entry) -> PlannedRing:
        """Return the ring in which a key follows another one of the site, or a new one."""
        replaced = self._rows.get(entry.values.get("replaces", ""))
        if replaced is None:
            ring_id = self._planning.memory.new_ring_ids.setdefault(entry.key, new_id())
            return PlannedRing(ring_id, entry.values.get("algorithm"))
        ring = self._present.rings[replaced.ring_id]
        ids = [key_id for key_id, _ in ring.turns]
        if ids and replaced.key_id != ids[-1]:
            is_here = replaced.key_id in ids
            words = f"is replaced by {ids[ids.index(replaced.key_id) + 1]} already" if is_here else "signs no more"
            self._problems.add(entry, "replaces", f"{replaced.key_id} {words}; the last one there is {ids[-1]}")
        return ring

    def _plan_key(self, entry: Entry, ring: PlannedRing) -> Moments:
        algorithm = entry.values.get("algorithm", ring.algorithm)
        if algorithm is None and "algorithm" not in entry.faulty:
            self._problems.add(entry, "algorithm", "is missing")
        elif ring.algorithm is not None and algorithm != ring.algorithm:
            words = f"is {algorithm}; the key that it replaces signs with {ring.algorithm}"
            self._problems.add(entry, "algorithm", words)
        pair = self._pair(entry, algorithm) if algorithm is not None else None
        moments = read_moments(self._problems, entry, ring, self._now)
        if len(ring.turns) >= MAX_IN_RING:
            words = f"would be one of more than {MAX_IN_RING} keys that follow each other"
            self._problems.add(entry, "key_id", words)
        is_first = ring.is_new and not ring.turns
        ring.turns.append((entry.key, moments.signs_from_at or 0))
        if algorithm is not None:
            self._planning.keys[entry.key] = Choice(ring.id, algorithm)
            self._planning.plan.new_keys.append(NewKey(entry.key, algorithm, ring.id, is_first, moments, pair))
        self._made.append((entry, "+", []))
        return moments

    def _pair(self, entry: Entry, algorithm: str) -> KeyPair | None:
        """Return the pair that is brought, one that this site never had; None where the key is to be made."""
        given = entry.values.get("private_key")
        if given is None:
            return None
        with self._problems.catching(entry, "private_key"):
            pair = self._planning.memory.pairs.find(entry.key, given, self._planning.options.environ, algorithm)
            if pair is None:
                raise FieldError(_not_set(given.variable), "private_key")
            other = self._thumbprints.setdefault(thumbprint(pair.public), entry.key)
            if other != entry.key:
                where = "this site has, or had," if other in self._rows else "the file brings"
                raise FieldError(f"is a key that {where} as {other}", "private_key")
            return pair
        return None


def _not_set(variable: str | None) -> str:
    made = "a pair is made here, with this key id but another public key"
    todo = f"set it, or take private_key out of the entry: then {made}"
    return f"{variable} is not set, and this site has no such key yet; {todo}"
