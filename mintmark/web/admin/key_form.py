"""The form of a new signing key: the first of its ring, made here or brought. It signs as soon as an asset names it."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from mintmark.errors import FieldError, InvalidFields
from mintmark.keys import adding, making
from mintmark.models import writing
from mintmark.web import freshness, get_mint
from mintmark.web.admin import key_entered
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("key_form", __name__, url_prefix="/admin/keys")
USUAL = "RS256"  # What every relying party takes (RFC 7518 §3.1, OpenID Connect Core §15.1).


@bp.get("/new")
def form() -> ResponseReturnValue:
    """Show the form."""
    return _page(Form(key_entered.new_key_values(USUAL)))


@bp.post("/new")
def make_key() -> ResponseReturnValue:
    """Make a ring with its first key."""
    check_csrf()
    values, problems = key_entered.typed_key_values(), Problems()
    freshness.confirm(problems)
    try:
        key = _make(key_entered.read_key_entered(values, problems))
    except (InvalidFields, FieldError) as error:
        return _page(Form.refused(key_entered.to_show(values), error), 422)
    flash("The signing key is there. It signs for the assets that name it.")
    return redirect(url_for("key.key", signing_key_id=key), 303)


def _make(entered: key_entered.Entered) -> str:
    """Keep the key; return the id of its row. Raises FieldError."""
    by = occasion()
    due_at = None if entered.due_days is None else int(by.now) + entered.due_days * key_entered.DAY
    with writing():
        see_right()
        made = making.make(
            entered.pair,
            entered.key_id,
            sealer=get_mint().settings.sealer,
            by=by,
            is_brought=entered.is_brought,
            moments=adding.Moments(due_at=due_at),
        )
        return made.id


def _page(form: Form, status: int = 200) -> ResponseReturnValue:
    return shown("admin/key_form.html", form, status, labels=key_entered.LABELS)
