"""The form of a person, for a new one and for one that exists: shown, read, and saved.

Rule: what is sent back as it was shown keeps its value. `seen` is a hash of the values that a form
was made from: where they are others by now, nothing is saved and both are shown.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flask import request
from sqlalchemy.exc import IntegrityError

from mintmark import attributes, groups, passwords, people
from mintmark.errors import FieldError, InvalidFields, MintmarkError
from mintmark.fields import identifier_key, read_identifier, read_list, read_set, read_text
from mintmark.models import Person, writing
from mintmark.web import attribute_fields, freshness
from mintmark.web.forms import Form, Problems, lines_of, plain_lines, typed
from mintmark.web.occasion import occasion

_TEXTS = ("email", "first_name", "last_name", "display_name")
_LINES = ("roles", "permissions")
_MANY_GROUPS = 200  # of more no list to choose from is shown; their names are typed.
LABELS = {
    "username": "Username",
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "display_name": "Display name",
    "is_admin": "Administrator",
    "groups": "Groups",
    "roles": "Roles",
    "permissions": "Permissions",
    "password": "Password",
}


class SavedMeanwhile(MintmarkError):
    """The person was changed after the form was made; `now` is what its fields show of what stands now."""

    code = "saved_meanwhile"

    def __init__(self, now: dict[str, Any]) -> None:
        super().__init__("The person was changed meanwhile.")
        self.now = now


def blank() -> dict[str, Any]:
    """Return what the page of a new person shows."""
    return _page(Form(dict.fromkeys(("username", *_TEXTS, *_LINES), "")), None)


def filled(person: Person) -> dict[str, Any]:
    """Return what the page of a person who exists shows."""
    return _page(Form(_shown(person)), person)


def typed_again(error: InvalidFields | None, person: Person | None = None, **more: Any) -> dict[str, Any]:
    """Return what the page shows after a refusal: what was typed, but for passwords."""
    values = _typed() | attribute_fields.typed(attributes.every())
    form = Form.refused(values, error) if error else Form(values)
    return _page(form, person) | more


def differences(now: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return label, what was typed and what stands now, of each field in which they differ."""
    declared = attributes.every()
    entered = _typed() | attribute_fields.typed(declared)
    labels, names = LABELS | attribute_fields.labels(declared), groups.names_by_id()
    return [
        (label, _in_words(entered.get(name), names), _in_words(now.get(name), names))
        for name, label in labels.items()
        if name in now and entered.get(name) != now[name]
    ]


def _in_words(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, list):
        return ", ".join(sorted(names.get(each, "a group that is gone") for each in value))
    return ("no", "yes")[value] if isinstance(value, bool) else str(value or "")


def create() -> Person:
    """Make a person of what was entered. Raises InvalidFields."""
    problems = Problems()
    values = _read(problems, None)
    if password := request.form.get("password", ""):
        with problems.of("password"):
            passwords.read_password(password, username=values.get("username", ""))
    if values["is_admin"]:
        freshness.confirm(problems)
    problems.see()
    if password:  # Hashed before the transaction, so that nobody waits for the work.
        values["password_hash"] = passwords.hash_password(password)
    with _saving(), writing():
        return people.make(values, by=occasion())


def revise(person: Person) -> list[str]:
    """Change a person to what was entered; return the fields that differed. Raises InvalidFields, SavedMeanwhile."""
    problems = Problems()
    values = _read(problems, person)
    if values["is_admin"] != person.is_admin:
        freshness.confirm(problems)
    seen, was_admin = request.form.get("seen", ""), person.is_admin
    problems.see()
    with _saving(), writing():
        person = people.get_locked(person.id)
        if seen != seen_of(person) or person.is_admin != was_admin:
            raise SavedMeanwhile(_shown(person))
        if was_admin and not values["is_admin"]:
            _see_may_be_unmade(person)
        return people.revise(person, values, by=occasion())


def _see_may_be_unmade(person: Person) -> None:
    try:
        people.see_may_go(person, by=occasion(), field="is_admin")
    except FieldError as error:
        raise FieldError(f"cannot be taken away: this person {error}", "is_admin") from error


@contextmanager
def _saving() -> Iterator[None]:
    """What is refused while saving belongs to a field of the form."""
    try:
        yield
    except FieldError as error:
        raise InvalidFields([(error.field, str(error))]) from error
    except IntegrityError as error:  # On PostgreSQL two may take one name at the same moment.
        raise InvalidFields([("username", "is taken, or one of the groups was taken away at this moment")]) from error


def seen_of(person: Person) -> str:
    """Return a hash of everything that the form shows."""
    return hashlib.sha256(json.dumps(_shown(person), sort_keys=True).encode()).hexdigest()[:32]


def _shown(person: Person) -> dict[str, Any]:
    values: dict[str, Any] = {"username": person.username, "is_admin": person.is_admin}
    values |= {name: plain_lines(getattr(person, name) or "") for name in _TEXTS}
    values |= {name: plain_lines("\n".join(getattr(person, name))) for name in _LINES}
    values["groups"] = sorted(groups.of_person(person.id))
    return values | attribute_fields.values(attributes.every(), person.attributes)


def _typed() -> dict[str, Any]:
    values = typed("username", *_TEXTS, *_LINES, lists=("groups",), switches=("is_admin",))
    if "group_names" in request.form:
        by_key = groups.ids_by_key()
        names = lines_of(plain_lines(request.form["group_names"]))
        values["groups"] = [by_key.get(identifier_key(name), name) for name in names]
        values["group_names"] = "\n".join(names)
    values["groups"] = sorted(values["groups"])
    return values


def _read(problems: Problems, person: Person | None) -> dict[str, Any]:
    entered, before = _typed(), _shown(person) if person else {}
    values: dict[str, Any] = {"is_admin": entered["is_admin"]}
    with problems.of("username"):
        values["username"] = read_identifier(entered["username"], "username")
    for name in (*_TEXTS, *_LINES):
        if person and entered[name] == before[name]:
            values[name] = getattr(person, name)
            continue
        with problems.of(name):
            values[name] = read_set(lines_of(entered[name]), "") if name in _LINES else _read_text(entered[name], name)
    with problems.of("group_names" if "group_names" in entered else "groups"):
        values["groups"] = _read_groups(entered["groups"])
    current = person.attributes if person else {}
    values["attributes"] = attribute_fields.read(attributes.every(), problems, current)
    return values


def _read_text(text: str, name: str) -> str | None:
    return read_text(text.strip(), name) if text.strip() else None


def _read_groups(given: Sequence[str]) -> list[str]:
    """Return ids of groups that exist. Raises FieldError."""
    names = groups.names_by_id()
    if unknown := [each for each in read_list(list(given), "groups") if each not in names]:
        raise FieldError(f"name “{read_text(unknown[0], 'groups')[:80]}”, which is no group, or none any more")
    return list(given)


def _page(form: Form, person: Person | None) -> dict[str, Any]:
    names = sorted(groups.names_by_id().items(), key=lambda pair: pair[1].casefold())
    if len(names) > _MANY_GROUPS and "group_names" not in form.values:
        chosen = set(form.values.get("groups") or ())
        form.values["group_names"] = "\n".join(name for group_id, name in names if group_id in chosen)
    declared = attributes.every()
    return {
        "form": form,
        "person": person,
        "group_choices": names if len(names) <= _MANY_GROUPS else None,
        "attributes": declared,
        "labels": LABELS | {"group_names": "Groups"} | attribute_fields.labels(declared),
        "seen": seen_of(person) if person else "",
    }
