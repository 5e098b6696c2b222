"""Groups: found by name without regard to case, made, renamed, taken away, and who is in them.

Rule: a group that an asset names, be it in the trash, stays; so its readers are never fewer or
other people than its page says. So does one into which a trusted issuer or OpenID provider puts people.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from mintmark import log
from mintmark.errors import FieldError, NotFound
from mintmark.fields import identifier_key
from mintmark.log import Occasion
from mintmark.models import Access, Asset, Group, Membership, OpenIDProvider, Person, TrustedIssuer, db
from mintmark.models.base import find_by_id, new_id

_NAMED = 5  # assets that a refusal names; of more it says so.


def ids_by_key() -> dict[str, str]:
    """Return name key → id of every group."""
    return {row.name_key: row.id for row in db.session.execute(select(Group.name_key, Group.id))}


def names_by_id() -> dict[str, str]:
    """Return id → name of every group."""
    return {row.id: row.name for row in db.session.execute(select(Group.id, Group.name))}


def get_group(group_id: str, *, is_locked: bool = False) -> Group:
    """Return a group; `is_locked`: as it is now, until the caller's transaction ends. Raises NotFound."""
    group = find_by_id(Group, group_id, is_locked=is_locked)
    if group is None:
        raise NotFound("There is no such group on this site.")
    return group


def see_name_is_free(name: str, *, but: str | None = None) -> None:
    """Raises FieldError where another group than `but` (an id) has this name, in whatever case."""
    other = db.session.scalar(select(Group.id).where(Group.name_key == identifier_key(name)))
    if other not in (None, but):
        raise FieldError("belongs to another group", "name")


def make(name: str, *, by: Occasion, group_id: str | None = None) -> Group:
    """Make a group; its name is checked and free. The random id is given where it was needed before."""
    group = Group(id=group_id or new_id(), name=name, name_key=identifier_key(name), created_at=int(by.now))
    db.session.add(group)
    db.session.flush()
    log.note("group.created", by, detail={"group": group.id, "name": name})
    return group


def rename(group: Group, name: str, *, by: Occasion) -> bool:
    """Give a group another checked name, issued from now on; tell whether it was another. Raises FieldError."""
    if name == group.name:
        return False
    see_name_is_free(name, but=group.id)
    before, group.name, group.name_key = group.name, name, identifier_key(name)
    log.note("group.revised", by, detail={"group": group.id, "name": name, "was": before})
    return True


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


def set_of_person(person_id: str, wanted: Iterable[str]) -> dict[str, list[str]]:
    """Put a person into exactly these groups (ids); return what `moves` does, or nothing where nothing changed."""
    wanted, current = set(wanted), of_person(person_id)
    if gone := current - wanted:
        db.session.execute(delete(Membership).where(Membership.person_id == person_id, Membership.group_id.in_(gone)))
    db.session.add_all(Membership(person_id=person_id, group_id=group_id) for group_id in wanted - current)
    named = select(Group.id, Group.name).where(Group.id.in_(wanted ^ current))
    return moves(wanted - current, current - wanted, {row.id: row.name for row in db.session.execute(named)})


def moves(joined: Iterable[str], left: Iterable[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return `joined` and `left` by the names of the groups, for the log: groups decide who fetches and who edits."""
    told = {"joined": sorted(names[each] for each in joined), "left": sorted(names[each] for each in left)}
    return {name: groups for name, groups in told.items() if groups}


def add_people(group: Group, usernames: Sequence[str], *, by: Occasion) -> int:
    """Put people into a group by their names; return how many were not in it.

    Raises FieldError with all names that nobody has; then nobody was put in.
    """
    keys = {identifier_key(name): name for name in usernames}
    found = select(Person.username_key, Person.id).where(Person.username_key.in_(keys), Person.erased_at.is_(None))
    ids = {row.username_key: row.id for row in db.session.execute(found)}
    if unknown := [name for key, name in keys.items() if key not in ids]:
        raise FieldError("hold names that nobody has: " + ", ".join(f"“{name}”" for name in unknown), "usernames")
    members = select(Membership.person_id).where(Membership.group_id == group.id)
    new = sorted(set(ids.values()) - set(db.session.scalars(members.where(Membership.person_id.in_(ids.values())))))
    join((person_id, group.id) for person_id in new)
    for person_id in new:
        _note_membership(person_id, {"joined": [group.name]}, by)
    return len(new)


def take_out(group: Group, person_id: str, *, by: Occasion) -> bool:
    """Take one person out of a group; tell whether they were in it."""
    if group.id not in of_person(person_id):
        return False
    leave([(person_id, group.id)])
    _note_membership(person_id, {"left": [group.name]}, by)
    return True


def _note_membership(person_id: str, moved: dict[str, list[str]], by: Occasion) -> None:
    log.note("person.revised", by, person=person_id, detail={"fields": ["groups"], **moved})


def see_is_unnamed(group: Group) -> None:
    """Raises FieldError where an asset, be it in the trash, names the group in its present revision, or where a
    trusted issuer or OpenID provider puts people into it."""
    statement = select(Asset.path, Asset.trashed_at).distinct().join(Access, Access.asset_id == Asset.id)
    rows = db.session.execute(statement.where(Access.group_id == group.id).order_by(Asset.path).limit(_NAMED + 1)).all()
    if rows:
        named = [f"`{row.path}`" + (" (in the trash)" if row.trashed_at else "") for row in rows[:_NAMED]]
        more = " and more" if len(rows) > _NAMED else ""
        raise FieldError(f"is named by {', '.join(named)}{more}; take it out of these first", "group")
    _see_is_unmapped(group)


def see_exist(group_ids: Iterable[str], field: str) -> None:
    """See that groups are there, and stay until the caller's transaction ends. Raises FieldError."""
    wanted = set(group_ids)
    statement = select(Group.id).where(Group.id.in_(wanted)).order_by(Group.id)
    found = set(db.session.scalars(statement.with_for_update(read=True, key_share=True))) if wanted else set()
    if found != wanted:
        raise FieldError("names a group that was taken away at this moment", field)


def _see_is_unmapped(group: Group) -> None:
    sources = [(row, "trusted issuer") for row in db.session.scalars(select(TrustedIssuer))]
    sources += [(row, "OpenID provider") for row in db.session.scalars(select(OpenIDProvider))]
    for row, kind in sources:
        if group.id in row.definition.get("groups_map", {}).values():
            words = f"is in the groups map of the {kind} `{row.name}`; take it out of that first"
            raise FieldError(words, "group")


def empty_some(group: Group, *, most: int) -> int:
    """Take out some of a group’s people, for many at once hold everybody up; return how many there were."""
    some = select(Membership.person_id).where(Membership.group_id == group.id).limit(most)
    ids = list(db.session.scalars(some))
    db.session.execute(delete(Membership).where(Membership.group_id == group.id, Membership.person_id.in_(ids)))
    return len(ids)


def remove(group: Group, *, by: Occasion) -> None:
    """Take a group away that was emptied before. Raises FieldError where an asset names it."""
    see_is_unnamed(group)
    db.session.execute(delete(Membership).where(Membership.group_id == group.id))
    db.session.delete(group)
    db.session.flush()
    log.note("group.removed", by, detail={"group": group.id, "name": group.name})
