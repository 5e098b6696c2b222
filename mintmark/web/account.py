"""One's own profile: the display name, and the attributes that people change themselves.

Never anything else, whatever is sent: username, e-mail and names are issued in tokens, and others trust them.
"""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from mintmark import attributes, identities, people
from mintmark.errors import InvalidFields, NotFound
from mintmark.fields import read_optional_text
from mintmark.models import Attribute, Group, Membership, Person, db, writing
from mintmark.web import attribute_fields
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, typed
from mintmark.web.occasion import occasion

bp = Blueprint("account", __name__, url_prefix="/account")
_BY_PERSON = "person"
_MOST_GROUPS = 100  # that the page names


@bp.get("")
def account() -> str:
    """Show what is known of who is signed in, and what they may change."""
    person, own = current_user.person, attributes.every(changed_by=_BY_PERSON)
    values = {"display_name": person.display_name, **attribute_fields.values(own, person.attributes)}
    return _page(Form(values), own)


@bp.post("")
def revise_account() -> ResponseReturnValue:
    """Change them."""
    check_csrf()
    own = attributes.every(changed_by=_BY_PERSON)
    entered = typed("display_name") | attribute_fields.typed(own)
    try:
        with writing():
            person = people.lock_person(current_user.person.id)
            if person is None or not person.live:
                raise NotFound("You were switched off a moment ago. Nothing was saved.")
            own = attributes.every(changed_by=_BY_PERSON)  # As it is now: one may have been taken away.
            changed = people.revise(person, _read(person, own), by=occasion())
    except InvalidFields as error:
        return _page(Form.refused(entered, error), attributes.every(changed_by=_BY_PERSON)), 422
    flash("Your profile is saved." if changed else "Nothing was changed.")
    return redirect(url_for("account.account"), 303)


def _read(person: Person, own: Sequence[Attribute]) -> dict[str, Any]:
    """Return the new values, of these fields alone. Raises InvalidFields."""
    problems, display_name = Problems(), person.display_name
    entered = request.form.get("display_name", display_name or "")
    if entered != (display_name or ""):
        with problems.of("display_name"):
            display_name = read_optional_text(entered if entered.strip() else None, "display_name")
    values = attribute_fields.read(own, problems, person.attributes)
    problems.see()
    return {"display_name": display_name, "attributes": values}


def _page(form: Form, own: Sequence[Attribute]) -> str:
    labels, named_by = attribute_fields.labels(own), identities.who_sets("display_name", current_user.person.id)
    more = {"labels": labels, "groups": _groups(), "named_by": named_by}
    return render_template("account.html", form=form, attributes=own, **more)


def _groups() -> list[str]:
    """Return the names of one's own groups, the first hundred; one more tells that there are more."""
    statement = select(Group.name).join(Membership, Membership.group_id == Group.id)
    statement = statement.where(Membership.person_id == current_user.person.id)
    return list(db.session.scalars(statement.order_by(Group.name_key).limit(_MOST_GROUPS + 1)))
