"""Custom attributes: what an administrator may declare, what is declared, and which assets use one.

Rule: a template never loses an attribute that it names: one that an asset uses, be it in the
trash, is not removed, and its type does not become one that the template cannot take.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Text, case, cast, func, or_, select, update

from mintmark import log, payload
from mintmark.errors import FieldError, NotFound
from mintmark.log import Occasion
from mintmark.models import IS_CURRENT, Asset, Attribute, Person, Revision, Site, db
from mintmark.models.base import find_by_id

MAX_ATTRIBUTES = 200
_NAMED = 5  # assets that a refusal names; of more it says so.
AT_ONCE = 2_000


def declared() -> dict[str, str]:
    """Return name → type of every declared attribute, by name."""
    return {
        row.name: row.type
        for row in db.session.execute(select(Attribute.name, Attribute.type).order_by(Attribute.name))
    }


def every(*, changed_by: str | None = None) -> list[Attribute]:
    """Return every declared attribute, or those that `changed_by` may change, by name; there are never many."""
    statement = select(Attribute).order_by(Attribute.name)
    if changed_by is not None:
        statement = statement.where(Attribute.changed_by == changed_by)
    return list(db.session.scalars(statement))


def get_attribute(name: str, *, is_locked: bool = False) -> Attribute:
    """Return a declared attribute; `is_locked`: as it is now, until the caller's transaction ends. Raises NotFound."""
    attribute = find_by_id(Attribute, name, is_locked=is_locked)
    if attribute is None:
        raise NotFound("There is no such attribute on this site.")
    return attribute


def declare(values: dict[str, object], *, by: Occasion) -> str:
    """Declare an attribute or change its declaration; return `+`, `~` or "" where nothing changed.

    Raises FieldError where people have values that the new type does not take.
    """
    attribute = db.session.get(Attribute, values["name"])
    if attribute is None:
        if (db.session.scalar(select(func.count()).select_from(Attribute)) or 0) >= MAX_ATTRIBUTES:
            raise FieldError(
                f"cannot be declared: there are {MAX_ATTRIBUTES} attributes, the most there may be", "name"
            )
        db.session.add(Attribute(**values))
        _prepare_templates_anew()
        log.note("attribute.declared", by, detail={"attribute": values["name"]})
        return "+"
    changed = [name for name, value in values.items() if getattr(attribute, name) != value]
    if not changed:
        return ""
    if "type" in changed:
        see_type_may_change(attribute)
        _prepare_templates_anew()
    for name in changed:
        setattr(attribute, name, values[name])
    log.note("attribute.revised", by, detail={"attribute": attribute.name, "fields": changed})
    return "~"


def _prepare_templates_anew() -> None:
    db.session.execute(update(Site).values(attributes_revision=Site.attributes_revision + 1))


def see_type_may_change(attribute: Attribute) -> None:
    """Raises FieldError where somebody has a value of this attribute."""
    if db.session.scalar(select(Person.id).where(_has_value(attribute.name)).limit(1)) is not None:
        raise FieldError(f"cannot change from {attribute.type} while people have a value of it", "type")


def _has_value(name: str) -> Any:
    return Person.attributes[name].as_string().is_not(None)


@dataclass(slots=True)
class Uses:
    """The paths of the assets that use an attribute. `is_cut_short`: time ran out before all were looked at."""

    paths: list[str] = field(default_factory=list)
    is_cut_short: bool = False


def uses_of(name: str, *, seconds: float, new_type: str | None = None) -> Uses:
    """Find the assets that name an attribute in their present template, also those in the trash.

    With `new_type` only those whose template would not take that type. Reads every template that may
    name it, for at most so many seconds.
    """
    types, deadline, uses = declared(), time.monotonic() + seconds, Uses()
    for path, definition in _candidates(name):
        if time.monotonic() > deadline:
            uses.is_cut_short = True
            break
        if _names(definition, name, types) and (new_type is None or _refuses(definition, {**types, name: new_type})):
            uses.paths.append(path)
    uses.paths.sort()
    return uses


def _candidates(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what may name the attribute: as it is, or spelled with escapes in a tag’s text."""
    template = cast(Revision.definition["template"].as_string(), Text)
    may_name = or_(template.contains(name, autoescape=True), template.contains("\\", autoescape=True))
    after = ""
    while True:
        chunk = select(Asset.id, Asset.path, case((may_name, Revision.definition)).label("definition"))
        rows = db.session.execute(
            chunk.join(Revision, IS_CURRENT).where(Asset.id > after).order_by(Asset.id).limit(AT_ONCE)
        ).all()
        yield from ((row.path, row.definition) for row in rows if row.definition is not None)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id
        yield "", {"template": "", "params": []}  # Whoever reads looks at the clock.


def _names(definition: Mapping[str, Any], name: str, types: Mapping[str, str]) -> bool:
    """A template that no longer compiles counts by its text: nobody knows what it meant."""
    try:
        return f"user.attributes.{name}" in _compile(definition, types).names
    except payload.TemplateError:
        return name in definition["template"]


def _refuses(definition: Mapping[str, Any], types: Mapping[str, str]) -> bool:
    try:
        _compile(definition, types)
    except payload.TemplateError:
        return True
    return False


def _compile(definition: Mapping[str, Any], types: Mapping[str, str]) -> payload.Template:
    return payload.compile(definition["template"], types, [param["name"] for param in definition["params"]])


def see_uses_allow(name: str, *, seconds: float, new_type: str | None = None) -> None:
    """Raises FieldError where an asset uses the attribute, or with `new_type`, could not use it any more.

    For before the transaction: while every template is looked at, nobody waits.
    """
    uses = uses_of(name, seconds=seconds, new_type=new_type)
    field = "name" if new_type is None else "type"
    if uses.paths:
        named = ", ".join(f"`{path}`" for path in uses.paths[:_NAMED]) + (" and more" * (len(uses.paths) > _NAMED))
        refused = f"would be one that the template of {named} cannot take; change the template first"
        raise FieldError(
            f"is used by {named}; take it out of the template first" if new_type is None else refused, field
        )
    if uses.is_cut_short:
        raise FieldError("was not changed: there are too many templates to look at; try again at a quieter hour", field)


def empty_some(name: str, *, after: str = "", most: int) -> str | None:
    """Take the values of an attribute from the next people behind an id; return the last id, None at the end.

    Some at a time, for all at once would hold everybody else up.
    """
    next_ones = select(Person.id).where(Person.id > after).order_by(Person.id)
    last = db.session.scalar(next_ones.offset(most - 1).limit(1))
    those = [Person.id > after, _has_value(name), *([Person.id <= last] if last else [])]
    rows = db.session.execute(select(Person.id, Person.attributes).where(*those).with_for_update()).all()
    changed = [{"id": row.id, "attributes": _without(row.attributes, name)} for row in rows]
    if changed:
        db.session.execute(update(Person), changed)
    return last


def _without(values: Mapping[str, object], name: str) -> dict[str, object]:
    return {other: value for other, value in values.items() if other != name}


def remove(attribute: Attribute, *, by: Occasion) -> None:
    """Take away an attribute whose values were taken away before."""
    db.session.delete(attribute)
    _prepare_templates_anew()
    log.note("attribute.removed", by, detail={"attribute": attribute.name})
