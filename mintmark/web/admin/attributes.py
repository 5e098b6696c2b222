"""Custom attributes: what is declared, by name; declaring, changing and taking one away."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from mintmark import attributes as acts
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import ATTRIBUTE_TYPES, read_choice, read_name, read_text
from mintmark.models import Attribute, writing
from mintmark.web.admin.in_steps import in_steps
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion

bp = Blueprint("attributes", __name__, url_prefix="/admin/attributes")
TYPES = [("text", "Text"), ("number", "Number"), ("boolean", "Yes or no"), ("list", "List of texts")]
CHANGED_BY = [("administrators", "Administrators only"), ("person", "The person, on their own account page")]
NEW = "/new-attribute"  # A name holds no hyphen.
_GLANCE, _SEARCH = 0.1, 20.0  # seconds to look for an attribute in all templates: for the page; before an act.


@bp.get("")
def attributes() -> str:
    """Show every attribute; there are at most MAX_ATTRIBUTES, so one page holds them."""
    return render_template(
        "admin/attributes.html", attributes=acts.every(), types=dict(TYPES), most=acts.MAX_ATTRIBUTES
    )


@bp.get(NEW)
def draft() -> ResponseReturnValue:
    """Show the form for a new attribute."""
    return _form(Form({"type": "text", "changed_by": "administrators"}), 200)


@bp.post(NEW)
def create_attribute() -> ResponseReturnValue:
    """Declare an attribute."""
    check_csrf()
    entered = _entered()
    try:
        values = _read(entered, "")
        with writing():
            if values["name"] in acts.declared():
                raise FieldError("is declared already", "name")
            acts.declare(values, by=occasion())
    except (FieldError, InvalidFields) as error:
        return _form(Form.refused(entered, error), 422)
    except IntegrityError:  # On PostgreSQL two may take one name at the same moment.
        return _form(Form(entered, {"name": "is declared already"}), 422)
    flash(f"The attribute {values['name']} is declared. Templates name it user.attributes.{values['name']}.")
    return redirect(url_for("attributes.attribute", name=values["name"]), 303)


@bp.get("/<name>")
def attribute(name: str) -> ResponseReturnValue:
    """Show one attribute: its form, and the assets that use it."""
    attribute = acts.get_attribute(name)
    return _form(Form(_values_of(attribute)), 200, attribute)


def _values_of(attribute: Attribute) -> dict[str, Any]:
    return {field: getattr(attribute, field) for field in ("name", "label", "type", "changed_by", "sensitive")}


@bp.post("/<name>")
def revise_attribute(name: str) -> ResponseReturnValue:
    """Change the declaration of an attribute; its name stays, for templates name it."""
    check_csrf()
    attribute = acts.get_attribute(name)
    entered = {**_entered(), "name": name}
    try:
        values = _read(entered, name)
        if values["type"] != attribute.type:
            acts.see_type_may_change(attribute)
            acts.see_uses_allow(name, seconds=_SEARCH, new_type=values["type"])
        with writing():
            acts.get_attribute(name, is_locked=True)
            changed = acts.declare(values, by=occasion())
    except (FieldError, InvalidFields) as error:
        return _form(Form.refused(entered, error), 422, acts.get_attribute(name))
    flash("The changes were saved." if changed else "Nothing was different, so nothing was saved.")
    return redirect(url_for("attributes.attribute", name=name), 303)


@bp.post("/<name>/remove")
def remove_attribute(name: str) -> ResponseReturnValue:
    """Take an attribute away, and everybody's value of it first, some at a time."""
    check_csrf()
    values = _values_of(acts.get_attribute(name))
    try:
        after: str = request.form.get("after", "")[:36].replace("\x00", "")
        if not after:
            acts.see_uses_allow(name, seconds=_SEARCH)
        left, steps = in_steps(partial(_empty_some, name), after)
    except FieldError as error:
        return _form(Form.refused(values, error), 422, acts.get_attribute(name))
    if left is not None:
        return _go_on(name, left, _done() + steps * acts.AT_ONCE)
    with writing():
        acts.remove(acts.get_attribute(name, is_locked=True), by=occasion())
    flash(f"The attribute {name} was taken away, and everybody’s value of it.")
    return redirect(url_for("attributes.attributes"), 303)


def _empty_some(name: str, place: str) -> str | None:
    return acts.empty_some(name, after=place, most=acts.AT_ONCE)


def _done() -> int:
    return request.form.get("done", 0, type=int)


def _go_on(name: str, left: str, done: int) -> str:
    return render_template(
        "admin/going_on.html",
        title=f"Taking away {name}",
        done=done,
        words=f"people were looked at by now, and their values of {name} taken away.",
        url=url_for("attributes.remove_attribute", name=name),
        fields={"after": left, "done": done},
        back=url_for("attributes.attribute", name=name),
    )


def _entered() -> dict[str, Any]:
    return typed("name", "label", "type", "changed_by", switches=("sensitive",))


def _read(entered: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the checked declaration. Raises InvalidFields."""
    problems, values = Problems(), {"name": name, "sensitive": entered["sensitive"]}
    if not name:
        with problems.of("name"):
            values["name"] = read_name(entered["name"].strip(), "name")
    with problems.of("label"):
        values["label"] = read_text(entered["label"].strip(), "label")
    with problems.of("type"):
        values["type"] = read_choice(entered["type"], "type", ATTRIBUTE_TYPES)
    with problems.of("changed_by"):
        values["changed_by"] = read_choice(entered["changed_by"], "changed_by", tuple(dict(CHANGED_BY)))
    problems.see()
    return values


def _form(form: Form, status: int, attribute: Attribute | None = None) -> ResponseReturnValue:
    return shown(
        "admin/attribute.html",
        form,
        status,
        attribute=attribute,
        uses=acts.uses_of(attribute.name, seconds=_GLANCE) if attribute else None,
        types=TYPES,
        changed_by=CHANGED_BY,
    )
