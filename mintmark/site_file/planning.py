"""What the parts of a plan have in common: what was chosen, what is kept, and what was found so far.

Rule: planning reads the database and writes nothing. The groups and attributes that an entry may
name are those of the site and those of the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, collate

from mintmark.keys.rings import Choice
from mintmark.models import db
from mintmark.sealing import Sealer
from mintmark.site_file.changes import Change, Plan
from mintmark.site_file.document import Document
from mintmark.site_file.new_pairs import NewPairs
from mintmark.site_file.new_passwords import NewPasswords
from mintmark.site_file.problems import Entry, Problems

_T = TypeVar("_T")
AT_ONCE = 500  # entries that are compared with one query


@dataclass(frozen=True)
class Options:
    """What the administrator chose, and where secrets are."""

    prune: bool = False
    reset_passwords: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    fetch_also: frozenset[str] = frozenset()


@dataclass
class Memory:
    """What is kept from one plan to the next, for an import makes two: ids of new groups and rings, work on
    passwords and key pairs, and checked definitions."""

    passwords: NewPasswords = field(default_factory=NewPasswords)
    pairs: NewPairs = field(default_factory=NewPairs)
    new_group_ids: dict[str, str] = field(default_factory=dict)
    new_ring_ids: dict[str, str] = field(default_factory=dict)  # by the id of the first key
    definitions: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)
    sources: dict[tuple[str, int], tuple[Any, dict[str, Any]]] = field(default_factory=dict)  # by section and number
    audiences: dict[str, tuple[Any, list[str] | None]] = field(default_factory=dict)


@dataclass
class Planning:
    """What the parts of a plan have in common. `group_ids` is name key → id, `types` attribute → type,
    `keys` what the ids of all signing keys name."""

    document: Document
    options: Options
    now: float
    sealer: Sealer
    memory: Memory
    site_url: str
    problems: Problems
    plan: Plan = field(default_factory=Plan)
    group_ids: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Choice] = field(default_factory=dict)

    def entries(self, section: str) -> list[Entry]:
        """Return the entries of a section that have a name."""
        return [entry for entry in self.document.sections[section] if entry.key]

    def change(self, sign: str, section: str, name: str, fields: Sequence[str] = ()) -> None:
        """Add one line."""
        self.plan.changes.append(Change(sign, section, name, tuple(fields)))


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield the items some at a time."""
    iterator = iter(items)
    while chunk := list(islice(iterator, AT_ONCE)):
        yield chunk


def by_code_point(column: Any) -> ColumnElement[Any]:
    """Return what to order by, so that every engine and locale gives the same order."""
    return collate(column, "C") if db.engine.dialect.name == "postgresql" else column
