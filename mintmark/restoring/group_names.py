"""Which group a name meant at the moment of a row: the log names groups, and names are given to others."""

from collections.abc import Iterable
from typing import Any

from mintmark import groups
from mintmark.fields import identifier_key
from mintmark.restoring.log_files import Row


class GroupNames:
    """The names of groups at the backup, and from row to row after it."""

    def __init__(self) -> None:
        self._ids = groups.ids_by_key()

    def follow(self, row: Row) -> None:
        """Take over what a row says of the name of a group."""
        group_id, name, was = (row.detail.get(each) for each in ("group", "name", "was"))
        if row.event not in ("group.created", "group.revised") or not isinstance(name, str):
            return
        if isinstance(was, str):
            self._ids.pop(identifier_key(was), None)
        self._ids[identifier_key(name)] = str(group_id)

    def ids_of(self, names: Any) -> set[str]:
        """Return the ids of what a row names; groups that were made since have some too."""
        given: Iterable[Any] = names if isinstance(names, list) else ()
        found = {self._ids.get(identifier_key(each)) for each in given if isinstance(each, str)}
        return {each for each in found if each is not None}
