"""Whether the assets of a file and of the site may sign with the same keys, and in what order they are saved so.

Rule: as for every save (mintmark/keys/sharing.py), each asset that shares a key has an `aud` of its own. What
counts is how the site is after the import; on the way there, too, no save meets an asset that was not saved yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import Row, select

from mintmark import payload
from mintmark.fields import is_same
from mintmark.keys import sharing
from mintmark.models import Asset, db
from mintmark.site_file.changes import AssetChange
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry

_USE = ("signing_key", "template", "params")  # What an asset uses its key for follows from these fields.
Audience = list[str] | None


@dataclass(frozen=True)
class _Use:
    """How an asset uses a ring; `change` where that is what an import changes."""

    entry: Entry
    ring_id: str
    audience: Audience
    change: AssetChange | None


@dataclass
class _Users:
    """Who uses one ring, as path by `aud`, and the path of one without."""

    of: dict[str, str] = field(default_factory=dict)
    without: str | None = None

    def add(self, path: str, audience: Audience) -> None:
        """Count an asset in."""
        for each in audience or ():
            self.of.setdefault(each, path)
        if audience is None and self.without is None:
            self.without = path

    def clashing(self, path: str, audience: Audience) -> tuple[str, Audience] | None:
        """Return an asset beside which this one cannot be, with its `aud`."""
        if self.without is not None and self.without != path:
            return self.without, None
        for each in self.of if audience is None else audience:
            if self.of.get(each, path) != path:
                return self.of[each], [each]
        return None


class Sharing:
    """Collects how the assets of a file use signing keys."""

    def __init__(self, planning: Planning) -> None:
        self._planning = planning
        self._uses: list[_Use] = []
        self._left: list[tuple[AssetChange, str, str, Audience]] = []  # with path, ring and `aud` before the import

    def add(
        self, entry: Entry, definition: Mapping[str, Any], change: AssetChange | None, before: Row[Any] | None = None
    ) -> None:
        """Take an asset of the file, as it will be and as it was before."""
        was = before.definition if before is not None else {}
        is_other = any(not is_same(was.get(name), definition.get(name)) for name in _USE)
        if before is not None and change is not None and is_other and was.get("signing_key") is not None:
            self._left.append((change, entry.key, was["signing_key"], before.audience))
        if definition.get("signing_key") is None or entry.faulty:
            return
        known = before.audience if before is not None and not is_other else self._audience(entry.key, definition)
        self._uses.append(_Use(entry, definition["signing_key"], known, change if is_other else None))

    def _audience(self, path: str, definition: Mapping[str, Any]) -> Audience:
        known = self._planning.memory.audiences.get(path)
        if known is None or known[0] is not definition:
            params = [param["name"] for param in definition["params"]]
            template = payload.compile(definition["template"], self._planning.types, params)
            known = self._planning.memory.audiences[path] = (definition, sharing.literal_audience(template))
        return known[1]

    def see(self, paths: set[str]) -> None:
        """Say who cannot share a key; put the assets into an order in which they can be saved."""
        if not any(use.change for use in self._uses):
            return
        users = {use.ring_id: _Users() for use in self._uses}
        for use in self._uses:
            if use.change is None:
                users[use.ring_id].add(use.entry.key, use.audience)
        if not self._planning.options.prune:
            self._add_others(users, paths)
        for use in self._uses:
            if use.change is not None:
                self._see_one(use, users[use.ring_id])
        self._put_in_order()

    def _add_others(self, users: Mapping[str, _Users], paths: set[str]) -> None:
        statement = select(Asset.path, Asset.ring_id, Asset.audience)
        statement = statement.where(Asset.ring_id.is_not(None), Asset.trashed_at.is_(None)).order_by(Asset.path)
        for path, ring_id, audience in db.session.execute(statement):
            if path not in paths and ring_id is not None and ring_id in users:
                users[ring_id].add(path, audience)

    def _see_one(self, use: _Use, users: _Users) -> None:
        clash = users.clashing(use.entry.key, use.audience)
        with self._planning.problems.catching(use.entry, "signing_key"):
            sharing.see_is_apart(use.audience, [clash] if clash else [])
        users.add(use.entry.key, use.audience)

    def _put_in_order(self) -> None:
        """Who takes a place that another asset of the file leaves is saved after that one."""
        before: dict[str, _Users] = {}
        for _, path, ring_id, audience in self._left:
            before.setdefault(ring_id, _Users()).add(path, audience)
        waits = {use.entry.key: self._waits_for(use, before) for use in self._uses if use.change is not None}
        if not any(waits.values()):
            return
        changes = {change.definition.get("path", ""): change for change in self._planning.plan.assets}
        try:
            order = list(TopologicalSorter({path: waits.get(path, []) for path in changes}).static_order())
        except CycleError as error:
            circle = error.args[1]
            entry = next(use.entry for use in self._uses if use.entry.key == circle[0])
            words = f"changes places with {circle[1]}; give one of them another “aud” first, in an import of its own"
            return self._planning.problems.add(entry, "signing_key", words)
        self._planning.plan.assets = [changes[path] for path in order]

    def _waits_for(self, use: _Use, before: Mapping[str, _Users]) -> list[str]:
        users = before.get(use.ring_id)
        if users is None:
            return []
        found = [path for each, path in users.of.items() if use.audience is None or each in use.audience]
        return sorted({*found, *([users.without] if users.without else [])} - {use.entry.key})
