"""Groups: found by name without regard to case, made, and who is in them."""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, insert, select, update

from mintmark import log
from mintmark.fields import identifier_key
from mintmark.log import Occasion
from mintmark.models import Group, Membership, db
from mintmark.models.base import new_id


def ids_by_key() -> dict[str, str]:
    """Return name key → id of every group."""
    return {row.name_key: row.id for row in db.session.execute(select(Group.name_key, Group.id))}


def names_by_id() -> dict[str, str]:
    """Return id → name of every group."""
    return {row.id: row.name for row in db.session.execute(select(Group.id, Group.name))}


def make(name: str, *, by: Occasion, group_id: str | None = None) -> Group:
    """Make a group; its name is checked and free. The random id is given where it was needed before."""
    group = Group(id=group_id or new_id(), name=name, name_key=identifier_key(name), created_at=int(by.now))
    db.session.add(group)
    db.session.flush()
    log.note("group.created", by, detail={"group": group.id, "name": name})
    return group


def respell(group_id: str, name: str) -> None:
    """Change the case of a group's name, as it is issued. Who calls this notes it."""
    db.session.execute(update(Group).where(Group.id == group_id).values(name=name))


def join(memberships: Iterable[tuple[str, str]]) -> None:
    """Put people into groups (person id, group id) that they are not in."""
    if rows := [{"person_id": person_id, "group_id": group_id} for person_id, group_id in memberships]:
        db.session.execute(insert(Membership), rows)


def leave(memberships: Iterable[tuple[str, str]]) -> None:
    """Take people out of groups (person id, group id)."""
    is_that_one = (Membership.person_id == bindparam("person")) & (Membership.group_id == bindparam("group"))
    statement = delete(Membership).where(is_that_one)
    if rows := [{"person": person_id, "group": group_id} for person_id, group_id in memberships]:
        db.session.connection().execute(statement, rows)


def of_person(person_id: str) -> set[str]:
    """Return the ids of a person's groups."""
    return set(db.session.scalars(select(Membership.group_id).where(Membership.person_id == person_id)))


def set_of_person(person_id: str, wanted: Iterable[str]) -> bool:
    """Put a person into exactly these groups (ids); tell whether that changed anything."""
    wanted, current = set(wanted), of_person(person_id)
    if gone := current - wanted:
        db.session.execute(delete(Membership).where(Membership.person_id == person_id, Membership.group_id.in_(gone)))
    db.session.add_all(Membership(person_id=person_id, group_id=group_id) for group_id in wanted - current)
    return wanted != current
