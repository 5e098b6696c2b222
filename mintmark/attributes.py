"""Custom attributes: what an administrator may declare, and what is declared."""

from sqlalchemy import select, update

from mintmark import log
from mintmark.errors import FieldError
from mintmark.log import Occasion
from mintmark.models import Attribute, Person, Site, db


def declared() -> dict[str, str]:
    """Return name → type of every declared attribute, by name."""
    return {
        row.name: row.type
        for row in db.session.execute(select(Attribute.name, Attribute.type).order_by(Attribute.name))
    }


def declare(values: dict[str, object], *, by: Occasion) -> str:
    """Declare an attribute or change its declaration; return `+`, `~` or "" where nothing changed.

    Raises FieldError where people have values that the new type does not take.
    """
    attribute = db.session.get(Attribute, values["name"])
    if attribute is None:
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
    with db.session.execute(select(Person.attributes).execution_options(yield_per=1000)) as rows:
        is_used = any(values.get(attribute.name) is not None for (values,) in rows)
    if is_used:
        raise FieldError(f"cannot change from {attribute.type} while people have a value of it", "type")
