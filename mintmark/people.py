"""People: found, made, changed, and given a password."""

from typing import Any

from sqlalchemy import exists, func, select, update

from mintmark import groups, log
from mintmark.errors import FieldError
from mintmark.fields import identifier_key
from mintmark.models import Person, Session, db
from mintmark.passwords import hash_password

FIELDS = "username email first_name last_name display_name is_admin live roles permissions attributes".split()


def find_person(username: str) -> Person | None:
    """Return the person of this name, without regard to case."""
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
    fields = {name: values[name] for name in [*FIELDS, "id"] if values.get(name) is not None}
    person = Person(**fields, username_key=identifier_key(values["username"]), created_at=int(now))
    if values.get("password") is not None:
        person.password_hash = hash_password(values["password"])
    db.session.add(person)
    db.session.flush()
    groups.set_of_person(person.id, values.get("groups") or ())
    detail = {"administrator": True} if person.is_admin else None
    log.note("person.created", now=now, actor=actor, address=address, person=person.id, detail=detail)
    return person


def revise(person: Person, values: dict[str, Any], *, now: float, actor: str) -> list[str]:
    """Change the given fields of a person; return the names of those that were different.

    Who is switched off, or is made or unmade administrator, is signed out everywhere (ASVS 7.2.4, 7.4.2).
    """
    changed = [name for name in FIELDS if name in values and getattr(person, name) != values[name]]
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
    person.password_hash = hash_password(password)
    end_sessions(person.id, now=now)
    log.note("person.password_set", now=now, actor=actor, person=person.id)


def end_sessions(person_id: str, *, now: float) -> None:
    """End every session of a person."""
    live = (Session.person_id == person_id) & Session.ended_at.is_(None)
    db.session.execute(update(Session).where(live).values(ended_at=int(now)))
