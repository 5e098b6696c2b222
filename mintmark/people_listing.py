"""Lists of people and of groups, in pages; the number of queries does not depend on how many there are.

Rule: counts stop where a reader no longer counts (`Some.is_more`), and every page begins behind the
last entry of the one before. The erased stand in their own list and in no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select

from mintmark import search
from mintmark.models import Access, Asset, Group, Membership, Person, db

PAGE_SIZE = 50
MANY = 1_000
_FEW_MEMBERS, _WALKED = 5_000, 15_000
SHOWN = ("administrators", "off", "erased")


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of people; `next_place` is where the next one begins, None on the last."""

    people: list[Person]
    groups: dict[str, list[str]]  # person id → names
    next_place: str | None


@dataclass(frozen=True, slots=True)
class Some:
    """A number, or more than it."""

    number: int
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of the list: how many people are in it, and how many assets name it."""

    id: str
    name: str
    members: Some
    reads: Some
    edits: Some


def list_people(*, show: str = "", group_id: str = "", after: str = "") -> Listed:
    """Return a page of people by username: all but the erased, one of SHOWN, or the members of a group."""
    if group_id:
        rows = _members(group_id, after)
    else:
        rows = list(db.session.scalars(_by_username(_condition(show), after)))
    return _page(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].username_key if len(rows) > PAGE_SIZE else None)


def find_people(query: str, *, after: str = "") -> Listed:
    """Return a page of the people whose words begin with those of a query."""
    found = search.find_page(search.PERSON, query, after=after, limit=PAGE_SIZE)
    ids = [hit.id for hit in found.hits]
    by_id = {person.id: person for person in db.session.scalars(select(Person).where(Person.id.in_(ids)))}
    return _page([by_id[person_id] for person_id in ids if person_id in by_id], found.next_place)


def _condition(show: str) -> Sequence[ColumnElement[bool]]:
    if show == "erased":
        return (Person.erased_at.is_not(None),)
    chosen = {"administrators": (Person.is_admin,), "off": (~Person.live,)}
    return (*chosen.get(show, ()), Person.erased_at.is_(None))


def _by_username(conditions: Sequence[ColumnElement[bool]], after: str) -> Select[Person]:
    statement = select(Person).where(*conditions, Person.username_key > after)
    return statement.order_by(Person.username_key).limit(PAGE_SIZE + 1)


def _members(group_id: str, after: str) -> list[Person]:
    """A small group is sorted; of a large one people are walked by username, for most are soon met.

    Where a large group’s people all stand far behind, it is sorted too: correct, but not quick.
    """
    if count_members(group_id, _FEW_MEMBERS).is_more:
        next_names = select(Person.username_key).where(Person.username_key > after).order_by(Person.username_key)
        last = db.session.scalar(next_names.offset(_WALKED).limit(1))
        is_member = exists().where(Membership.person_id == Person.id, Membership.group_id == group_id)
        near = [is_member] if last is None else [is_member, Person.username_key < last]
        found = list(db.session.scalars(_by_username(near, after)))
        if last is None or len(found) > PAGE_SIZE:
            return found
    ids = select(Person.id).join(Membership, Membership.person_id == Person.id)
    ids = ids.where(Membership.group_id == group_id, Person.username_key > after)
    first = list(db.session.scalars(ids.order_by(Person.username_key).limit(PAGE_SIZE + 1)))
    return list(db.session.scalars(select(Person).where(Person.id.in_(first)).order_by(Person.username_key)))


def _page(people: list[Person], next_place: str | None) -> Listed:
    names: dict[str, list[str]] = {person.id: [] for person in people}
    statement = select(Membership.person_id, Group.name).join(Group, Group.id == Membership.group_id)
    for person_id, name in db.session.execute(statement.where(Membership.person_id.in_(names))):
        names[person_id].append(name)
    return Listed(people, {person_id: sorted(found) for person_id, found in names.items()}, next_place)


def count_members(group_id: str, most: int) -> Some:
    """Count the people of a group, as far as `most`."""
    some = select(Membership.person_id).where(Membership.group_id == group_id).limit(most + 1).subquery()
    return _some(db.session.scalar(select(func.count()).select_from(some)), most)


def _some(number: int | None, most: int) -> Some:
    return Some(min(number or 0, most), (number or 0) > most)


def list_groups(*, after: str = "") -> tuple[list[GroupRow], str | None]:
    """Return a page of groups by name, and where the next one begins; one query."""
    members = _bounded(select(Membership.person_id.label("one")).where(Membership.group_id == Group.id))
    named = select(case((Access.kind == "reader", 1)).label("one")).where(Access.group_id == Group.id)
    edited = select(case((Access.kind == "editor", 1)).label("one")).where(Access.group_id == Group.id)
    statement = select(Group.id, Group.name, Group.name_key, members, _bounded(named), _bounded(edited))
    rows = db.session.execute(
        statement.where(Group.name_key > after).order_by(Group.name_key).limit(PAGE_SIZE + 1)
    ).all()
    page = [GroupRow(row[0], row[1], *(_some(number, MANY) for number in row[3:])) for row in rows[:PAGE_SIZE]]
    return page, rows[PAGE_SIZE - 1].name_key if len(rows) > PAGE_SIZE else None


def _bounded(statement: Select[Any]) -> Any:
    some = statement.correlate(Group).limit(MANY + 1).subquery()
    return select(func.count(some.c.one)).correlate(Group).scalar_subquery()


def assets_of_group(group_id: str) -> tuple[list[tuple[Asset, list[str]]], bool]:
    """Return the first assets that name a group, with `reader` and `editor`, and whether there are more."""
    named = select(Access.asset_id).where(Access.group_id == group_id)
    statement = select(Asset).where(Asset.id.in_(named), Asset.trashed_at.is_(None))
    assets = list(db.session.scalars(statement.order_by(Asset.path).limit(PAGE_SIZE + 1)))
    kinds: dict[str, list[str]] = {asset.id: [] for asset in assets}
    access = select(Access.asset_id, Access.kind).where(Access.group_id == group_id, Access.asset_id.in_(kinds))
    for asset_id, kind in db.session.execute(access.order_by(Access.kind.desc())):
        kinds[asset_id].append(kind)
    return [(asset, kinds[asset.id]) for asset in assets[:PAGE_SIZE]], len(assets) > PAGE_SIZE
