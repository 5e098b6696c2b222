"""People: found, made, changed, given a password, and erased.

Rule: a site keeps a live administrator, and who was erased keeps nothing but id and username,
which nobody gets again. Whoever may take an administrator away holds the lock of `get_locked`
first, so that of two at once the second sees what the first did.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, insert, select, update

from mintmark import groups, log, search, sessions
from mintmark.errors import FieldError, NotFound
from mintmark.fields import identifier_key, is_same, read_identifier
from mintmark.log import Occasion
from mintmark.models import PasswordLink, Person, Session, Site, db
from mintmark.models.base import find_by_id, new_id
from mintmark.passwords import hash_password

FIELDS = "username email first_name last_name display_name is_admin live roles permissions attributes".split()
ERASED = "belonged to somebody who was erased, and is never given again"
_SEARCHED = frozenset({"username", "email", "first_name", "last_name", "display_name"})


def find_person(username: str) -> Person | None:
    """Return the person of this name, without regard to case; what can be nobody's name finds nobody."""
    try:
        read_identifier(username, "username")
    except FieldError:
        return None
    return db.session.scalar(select(Person).where(Person.username_key == identifier_key(username)))


def lock_person(person_id: str) -> Person | None:
    """Return a person as they are now, locked until the caller's transaction ends."""
    return find_by_id(Person, person_id, is_locked=True)


def get_locked(person_id: str) -> Person:
    """Return a person for a change by a form. Raises NotFound.

    The site is locked before the person, always in this order: two who each take away the other
    administrator do so one after the other, and neither waits for the other for ever.
    """
    db.session.execute(select(Site.id).with_for_update())
    person = lock_person(person_id)
    if person is None:
        raise NotFound("There is no such person on this site.")
    return person


def has_administrator(*, but: str | None = None) -> bool:
    """Tell whether there is a live administrator, other than the person of the id `but`."""
    return bool(db.session.scalar(select(exists().where(Person.is_admin, Person.live, Person.id != (but or "")))))


def see_may_go(person: Person, *, by: Occasion, field: str) -> None:
    """Raises FieldError where somebody would switch off, erase or unmake themselves or the last live administrator."""
    if by.actor == person.id:
        raise FieldError("is you; another administrator has to do this", field)
    if person.is_admin and person.live and not has_administrator(but=person.id):
        raise FieldError("is the last live administrator; make another one first", field)


def see_username_is_free(username: str) -> None:
    """Raises FieldError where somebody has, or had, this name; an erased person’s is never given again."""
    other = find_person(username)
    if other is not None:
        raise FieldError("is taken" if other.erased_at is None else ERASED, "username")


def make(values: dict[str, Any], *, by: Occasion) -> Person:
    """Make a person of checked values (FIELDS, `id`, `password` or its hash, `groups` as ids). Raises FieldError."""
    see_username_is_free(values["username"])
    if values.get("password") is not None:
        values = {**values, "password_hash": hash_password(values["password"])}
    [person_id] = make_many([values], by=by)
    return db.session.get_one(Person, person_id)


def make_many(entries: Sequence[dict[str, Any]], *, by: Occasion) -> list[str]:
    """Make people of checked values (FIELDS, `id`, `password_hash`, `groups` as ids) whose names are free.

    Returns their ids. A few statements for some hundreds of them.
    """
    rows = [_row_of(values, by.now) for values in entries]
    db.session.execute(insert(Person), rows)
    search.index(search.PERSON, [_entry(row["id"], row) for row in rows], are_new=True)
    pairs = zip(rows, entries, strict=True)
    groups.join((row["id"], group) for row, values in pairs for group in set(values.get("groups") or ()))
    for row in rows:
        detail = {"administrator": True} if row["is_admin"] else None
        log.note("person.created", by, person=row["id"], detail=detail)
    return [row["id"] for row in rows]


def _row_of(values: dict[str, Any], now: float) -> dict[str, Any]:
    unset = dict.fromkeys(("email", "first_name", "last_name", "display_name", "password_hash"))
    default = {"is_admin": False, "live": True, "roles": [], "permissions": [], "attributes": {}}
    given = {name: values[name] for name in [*FIELDS, "id", "password_hash"] if values.get(name) is not None}
    key = identifier_key(values["username"])
    unset["erased_at"] = None
    return {"id": new_id(), **unset, **default, **given, "username_key": key, "created_at": int(now)}


def _entry(person_id: str, values: dict[str, Any]) -> search.Entry:
    """Return by which words a person is found."""
    texts = [values[name] for name in sorted(_SEARCHED)]
    return search.Entry(person_id, identifier_key(values["username"]), texts)


def revise(
    person: Person, values: dict[str, Any], *, by: Occasion, moved: Mapping[str, list[str]] | None = None
) -> list[str]:
    """Change the given fields of a person; return the names of those that were different. Raises FieldError.

    `moved` is what `groups.moves` says where the caller did that itself: an import moves many people at once.
    Who is switched off, or is made or unmade administrator, is signed out everywhere (ASVS 7.2.4, 7.4.2),
    and a link to set a password made before is dead.
    """
    if person.erased_at is not None:
        raise FieldError("was erased, and cannot be changed", "username")
    changed = [name for name in FIELDS if name in values and not is_same(getattr(person, name), values[name])]
    if "username" in changed and identifier_key(values["username"]) != person.username_key:
        see_username_is_free(values["username"])
    for name in changed:
        setattr(person, name, values[name])
    if "username" in changed:
        person.username_key = identifier_key(person.username)
    moved = groups.set_of_person(person.id, values["groups"]) if "groups" in values else moved
    changed += ["groups"] if moved else []
    if _SEARCHED & set(changed):
        search.index(search.PERSON, [_entry(person.id, {name: getattr(person, name) for name in _SEARCHED})])
    if {"live", "is_admin"} & set(changed):
        sessions.end_of_people([person.id], now=by.now)
        end_links([person.id])
    if changed:
        rights = {name: values[name] for name in ("is_admin", "live") if name in changed}
        log.note("person.revised", by, person=person.id, detail={"fields": changed, **rights, **(moved or {})})
    return changed


def set_password(person: Person, password: str, *, by: Occasion) -> None:
    """Set a checked password and end all sessions of its person."""
    set_password_hash(person, hash_password(password), by=by)


def set_password_hash(person: Person, password_hash: str, *, by: Occasion) -> None:
    """Set a password that was hashed before, so that no transaction waits for the work; links to set one are dead."""
    person.password_hash = password_hash
    end_links([person.id])
    sessions.end_of_people([person.id], now=by.now)
    log.note("person.password_set", by, person=person.id)


def switch_off(person_ids: Sequence[str], *, by: Occasion) -> None:
    """Switch off live people and end their sessions, in few statements; at most some thousands at once."""
    db.session.execute(update(Person).where(Person.id.in_(person_ids)).values(live=False))
    sessions.end_of_people(person_ids, now=by.now)
    end_links(person_ids)
    for person_id in person_ids:
        log.note("person.revised", by, person=person_id, detail={"fields": ["live"], "live": False})


def end_links(person_ids: Sequence[str]) -> None:
    """Let the links with which these people could set a password work no more."""
    db.session.execute(delete(PasswordLink).where(PasswordLink.person_id.in_(person_ids)))


def erase(person: Person, *, by: Occasion) -> None:
    """Empty a person for ever. Raises FieldError where it is oneself, the last administrator, or done already.

    The id stays for the log, the username so that nobody takes the place of somebody who was trusted.
    """
    if person.erased_at is not None:
        raise FieldError("was erased already", "confirmed")
    see_may_go(person, by=by, field="confirmed")
    for name in ("email", "first_name", "last_name", "display_name", "password_hash"):
        setattr(person, name, None)
    person.roles, person.permissions, person.attributes = [], [], {}
    person.is_admin, person.live, person.erased_at = False, False, int(by.now)
    groups.set_of_person(person.id, ())
    search.forget(search.PERSON, [person.id])
    end_links([person.id])
    sessions.end_of_people([person.id], now=by.now)
    db.session.execute(update(Session).where(Session.person_id == person.id).values(address=None, device=None))
    log.note("person.erased", by, person=person.id)
