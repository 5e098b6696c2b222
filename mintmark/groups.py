"""Groups: found by name without regard to case, made, and who is in them."""

from collections.abc import Iterable

from sqlalchemy import delete, select

from mintmark import log
from mintmark.fields import identifier_key
from mintmark.models import Group, Membership, db


def ids_by_key() -> dict[str, str]:
    """Return name key → id of every group."""
    return {row.name_key: row.id for row in db.session.execute(select(Group.name_key, Group.id))}


def names_by_id() -> dict[str, str]:
    """Return id → name of every group."""
    return {row.id: row.name for row in db.session.execute(select(Group.id, Group.name))}


def make(name: str, *, now: float, actor: str) -> Group:
    """Make a group; its name is checked and free."""
    group = Group(name=name, name_key=identifier_key(name), created_at=int(now))
    db.session.add(group)
    db.session.flush()
    log.note("group.created", now=now, actor=actor, detail={"group": group.id, "name": name})
    return group


def of_person(person_id: str) -> set[str]:
    """Return the ids of a person's groups."""
    return set(db.session.scalars(select(Membership.group_id).where(Membership.person_id == person_id)))


def set_of_person(person_id: str, wanted: Iterable[str]) -> bool:
    """Put a person into exactly these groups (ids); tell whether that changed anything."""
    wanted, current = set(wanted), of_person(person_id)
    if gone := current - wanted:
        db.session.execute(
            delete(Membership).where(Membership.person_id == person_id, Membership.group_id.in_(gone))
        )
    db.session.add_all(Membership(person_id=person_id, group_id=group_id) for group_id in wanted - current)
    return wanted != current
