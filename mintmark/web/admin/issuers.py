"""Trusted issuers: the list, and the form of a new one, which needs little more than who they are and their key.

What was made here for them is handed out once, in the answer to the form; a redirect would have to keep it.
"""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask import render_template as render
from flask.typing import ResponseReturnValue

from mintmark.errors import FieldError, InvalidFields
from mintmark.examine.sources import warned_sources
from mintmark.issuers import saving
from mintmark.issuers.key_sources import way_of
from mintmark.models import TrustedIssuer, writing
from mintmark.web import freshness, get_mint
from mintmark.web.admin import issuer_form, issuer_key_entered
from mintmark.web.admin.issuer_key_entered import KeyEntered
from mintmark.web.admin.issuer_shown import LABELS, handed_page, keys_by_issuer, people_of
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("issuers", __name__, url_prefix="/admin/issuers")


@bp.get("")
def issuers() -> str:
    """List every trusted issuer by name."""
    rows = saving.every()
    people, keys = people_of([row.id for row in rows]), keys_by_issuer()
    listed = [(row, way_of(row.definition), keys.get(row.id, (0, 0)), people.get(row.id, 0)) for row in rows]
    return render("admin/issuers.html", rows=listed, warned={each.id: each.amount for each in warned_sources()})


@bp.get("/new")
def form() -> ResponseReturnValue:
    """Show the form, as it is usual, or as the tokens of a known party are."""
    like = request.args.get("like", "")
    values = issuer_form.usual(like) | issuer_key_entered.new_values()
    if saving.find_without_iss() is not None:
        values["no_iss"] = False
    return _page(Form(values), like=like)


@bp.post("/new")
def create_issuer() -> ResponseReturnValue:
    """Make an issuer; hand out what was made for it."""
    check_csrf()
    values, problems = issuer_form.typed_values() | issuer_key_entered.typed_values(), Problems()
    like = request.form.get("like", "")
    freshness.confirm(problems)
    try:
        row, key = _create(values, problems)
    except (InvalidFields, FieldError) as error:
        return _page(Form.refused(issuer_key_entered.to_show(values), error), 422, like)
    if key.handed:
        return handed_page(row, key)
    flash("The trusted issuer is there. What the other side needs stands on this page.")
    return redirect(url_for("issuer.issuer", issuer_id=row.id), 303)


def _create(values: dict[str, Any], problems: Problems) -> tuple[TrustedIssuer, KeyEntered]:
    """Keep the issuer; return its row, and its key with what to hand out. Raises InvalidFields, FieldError."""
    algorithm = values["algorithm"]
    how = issuer_key_entered.read_how(values, algorithm, problems, issuer_key_entered.HOW)
    entered = issuer_form.read_entered(values, problems, **issuer_key_entered.address_of(values, how))
    key = issuer_key_entered.read_key(values, how, algorithm, problems)
    problems.see()
    assert entered is not None and key is not None  # noqa: S101 — for the type checker: else there is a problem.
    by, sealer = occasion(), get_mint().settings.sealer
    with writing():
        see_right()
        row = saving.create(entered, secret=key.secret, keys=key.keys, sealer=sealer, by=by)
    return row, key


def _page(form: Form, status: int = 200, like: str = "") -> ResponseReturnValue:
    likes = [(slug, name) for slug, (name, _) in issuer_form.LIKES.items()]
    named = issuer_form.LIKES.get(like, (None,))[0]
    more = {"likes": likes, "like": like, "like_name": named, "labels": LABELS, "how": issuer_key_entered.HOW}
    return shown("admin/issuer_form.html", form, status, without_iss=saving.find_without_iss(), **more)
