"""People: found, made, changed, and given a password."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, func, select, update

from mintmark import groups, log
from mintmark.errors import FieldError
from mintmark.fields import identifier_key, is_same, read_identifier
from mintmark.models import Person, Session, db
from mintmark.models.base import new_id
from mintmark.passwords import hash_password

FIELDS = "username email first_name last_name display_name is_admin live roles permissions attributes".split()


def find_person(username: str) -> Person | None:
    """Return the person of this name, without regard to case; what can be nobody's name finds nobody."""
    try:
        read_identifier(username, "username")
    except FieldError:
        return None
    return db.session.scalar(select(Person).where(Person.username_key == identifier_key(username)))


def has_administrator() -> bool:
    """Tell whether there is a live administrator."""
    return bool(db.session.scalar(select(exists().where(Person.is_admin, Person.live))))


def count() -> int:
    """Return how many people there are."""
    return db.session.scalar(select(func.count()).select_from(Person)) or 0


def make(values: dict[str, Any], *, now: float, actor: str, address: str | None = None) -> Person:
    """Make a person of checked values (FIELDS, `id`, `password`, `groups` as ids). Raises FieldError."""
    if find_person(values["username"]):
        raise FieldError("is taken", "username")
    if values.get("password") is not None:
        values = {**values, "password_hash": hash_password(values["password"])}
    return make_many([values], now=now, actor=actor, address=address)[0]


def make_many(entries: Sequence[dict[str, Any]], *, now: float, actor: str, address: str | None = None) -> list[Person]:
    """Make people of checked values (FIELDS, `id`, `password_hash`, `groups` as ids) whose names are free."""
    people = [_new(values, now) for values in entries]
    db.session.add_all(people)
    db.session.flush()
    pairs = zip(people, entries, strict=True)
    groups.join((person.id, group) for person, values in pairs for group in set(values.get("groups") or ()))
    for person in people:
        detail = {"administrator": True} if person.is_admin else None
        log.note("person.created", now=now, actor=actor, address=address, person=person.id, detail=detail)
    return people


def _new(values: dict[str, Any], now: float) -> Person:
    given = {name: values[name] for name in [*FIELDS, "id", "password_hash"] if values.get(name) is not None}
    key = identifier_key(values["username"])
    return Person(**{"id": new_id(), **given}, username_key=key, created_at=int(now))


def revise(person: Person, values: dict[str, Any], *, now: float, actor: str) -> list[str]:
    """Change the given fields of a person; return the names of those that were different.

    Who is switched off, or is made or unmade administrator, is signed out everywhere (ASVS 7.2.4, 7.4.2).
    """
    changed = [name for name in FIELDS if name in values and not is_same(getattr(person, name), values[name])]
    for name in changed:
        setattr(person, name, values[name])
    if "username" in changed:
        person.username_key = identifier_key(person.username)
    if "groups" in values and groups.set_of_person(person.id, values["groups"]):
        changed.append("groups")
    if {"live", "is_admin"} & set(changed):
        end_sessions(person.id, now=now)
    if changed:
        log.note("person.revised", now=now, actor=actor, person=person.id, detail={"fields": changed})
    return changed


def set_password(person: Person, password: str, *, now: float, actor: str) -> None:
    """Set a checked password and end all sessions of its person."""
    set_password_hash(person, hash_password(password), now=now, actor=actor)


def set_password_hash(person: Person, password_hash: str, *, now: float, actor: str) -> None:
    """Set a password that was hashed before, so that no transaction waits for the work."""
    person.password_hash = password_hash
    end_sessions(person.id, now=now)
    log.note("person.password_set", now=now, actor=actor, person=person.id)


def switch_off(person_ids: Sequence[str], *, now: float, actor: str) -> None:
    """Switch off live people and end their sessions, in few statements; at most some thousands at once."""
    db.session.execute(update(Person).where(Person.id.in_(person_ids)).values(live=False))
    live = Session.person_id.in_(person_ids) & Session.ended_at.is_(None)
    db.session.execute(update(Session).where(live).values(ended_at=int(now)))
    for person_id in person_ids:
        log.note("person.revised", now=now, actor=actor, person=person_id, detail={"fields": ["live"]})


def end_sessions(person_id: str, *, now: float) -> None:
    """End every session of a person."""
    live = (Session.person_id == person_id) & Session.ended_at.is_(None)
    db.session.execute(update(Session).where(live).values(ended_at=int(now)))
