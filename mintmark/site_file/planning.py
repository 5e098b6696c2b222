"""From the entries of a file and the site as it is now: what an import changes, or everything that is wrong.

Rule: reads the database and writes nothing. The groups and attributes that an entry may name are
those of the site and those of the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, collate, select

from mintmark import attributes, groups
from mintmark.errors import FieldError
from mintmark.models import Attribute, Group, db
from mintmark.models.base import new_id
from mintmark.sealing import Sealer
from mintmark.site_file.changes import Change, Plan
from mintmark.site_file.document import Document
from mintmark.site_file.new_passwords import NewPasswords
from mintmark.site_file.problems import Entry, Problems
from mintmark.site_file.sections import ATTRIBUTE_DEFAULTS

_T = TypeVar("_T")
AT_ONCE = 500  # entries that are compared with one query


@dataclass(frozen=True)
class Options:
    """What the administrator chose, and where secrets are."""

    prune: bool = False
    reset_passwords: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Memory:
    """What is kept from one plan to the next, for an import makes two: ids of new groups, work on passwords,
    and checked definitions."""

    passwords: NewPasswords = field(default_factory=NewPasswords)
    new_group_ids: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)


@dataclass
class Planning:
    """What the parts of a plan have in common. `group_ids` is name key → id, `types` attribute → type."""

    document: Document
    options: Options
    sealer: Sealer
    memory: Memory
    problems: Problems
    plan: Plan = field(default_factory=Plan)
    group_ids: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def entries(self, section: str) -> list[Entry]:
        """Return the entries of a section that have a name."""
        return [entry for entry in self.document.sections[section] if entry.key]

    def change(self, sign: str, section: str, name: str, fields: Sequence[str] = ()) -> None:
        """Add one line."""
        self.plan.changes.append(Change(sign, section, name, tuple(fields)))


def make_plan(document: Document, options: Options, *, sealer: Sealer, memory: Memory) -> Plan:
    """Return what is to be done. Raises InvalidFields with every problem of the file."""
    from mintmark.site_file.asset_plan import plan_assets
    from mintmark.site_file.people_plan import plan_people

    planning = Planning(document, options, sealer, memory, document.problems.copy())
    _plan_attributes(planning)
    _plan_groups(planning)
    plan_people(planning)
    plan_assets(planning)
    planning.problems.see_none()
    return planning.plan


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield the items some at a time."""
    iterator = iter(items)
    while chunk := list(islice(iterator, AT_ONCE)):
        yield chunk


def by_code_point(column: Any) -> ColumnElement[Any]:
    """Return what to order by, so that every engine and locale gives the same order."""
    return collate(column, "C") if db.engine.dialect.name == "postgresql" else column


def _plan_attributes(planning: Planning) -> None:
    present = {row.name: row for row in db.session.scalars(select(Attribute))}
    planning.types = {name: row.type for name, row in present.items()}
    for entry in planning.entries("attributes"):
        row = present.get(entry.key)
        if row is None:
            values = {"label": entry.key, **ATTRIBUTE_DEFAULTS, **entry.values}
            planning.change("+", "attributes", entry.key)
        else:
            values = {"name": entry.key, **_changed_declaration(planning, entry, row)}
            if len(values) == 1:
                continue
            planning.change("~", "attributes", entry.key, [name for name in values if name != "name"])
        planning.plan.attributes.append(values)
        planning.types[entry.key] = values.get("type") or planning.types[entry.key]


def _changed_declaration(planning: Planning, entry: Entry, row: Attribute) -> dict[str, Any]:
    changed = {name: value for name, value in entry.values.items() if getattr(row, name) != value}
    if "type" in changed:
        try:
            attributes.see_type_may_change(row)
        except FieldError as error:
            planning.problems.add(entry, "type", str(error))
    return changed


def _plan_groups(planning: Planning) -> None:
    present = {row.name_key: row for row in db.session.execute(select(Group.name_key, Group.id, Group.name))}
    planning.group_ids = groups.ids_by_key()
    for entry in planning.entries("groups"):
        name, row = entry.values["name"], present.get(entry.key)
        if row is None:
            group_id = planning.memory.new_group_ids.setdefault(entry.key, new_id())
            planning.group_ids[entry.key] = group_id
            planning.plan.new_groups[group_id] = name
            planning.change("+", "groups", name)
        elif row.name != name:
            planning.plan.respelled_groups[row.id] = name
            planning.change("~", "groups", name, ["name"])
