"""One trusted issuer: what is known of it, its settings, and the acts on it.

Rule: each act asks for the password where the sign-in is a while ago (ASVS 7.5.3), and is done only where the issuer
still is what the page showed. Its `iss` never changes.
"""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import groups
from mintmark.errors import FieldError, InvalidFields
from mintmark.issuers import saving
from mintmark.issuers.definition import as_entered
from mintmark.models import TrustedIssuer, writing
from mintmark.web import freshness, get_mint
from mintmark.web.admin import issuer_form, issuer_keys, issuer_test
from mintmark.web.admin.issuer_acts import do
from mintmark.web.admin.issuer_shown import page
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("issuer", __name__, url_prefix="/admin/issuers/<issuer_id>")
bp.post("/keys")(issuer_keys.add_key)
bp.post("/keys/switch")(issuer_keys.switch_key)
bp.post("/keys/remove")(issuer_keys.remove_key)
bp.post("/secret")(issuer_keys.change_secret)
bp.get("/key")(issuer_keys.key_form)
bp.post("/key")(issuer_keys.change_key)
bp.post("/read")(issuer_keys.read_key_set)
bp.post("/test")(issuer_test.test_token)


@bp.get("")
def issuer(issuer_id: str) -> ResponseReturnValue:
    """Show a trusted issuer."""
    return page(saving.get_issuer(issuer_id))


class _SavedMeanwhile(Exception):
    """Somebody else saved this issuer since the form was loaded."""


@bp.post("")
def revise_issuer(issuer_id: str) -> ResponseReturnValue:
    """Change the settings, unless somebody else did so since the form was loaded; the key has acts of its own."""
    check_csrf()
    values, problems = issuer_form.typed_values(), Problems()
    freshness.confirm(problems)
    try:
        changed = _revise(issuer_id, values, problems)
    except (InvalidFields, FieldError) as error:
        row = saving.get_issuer(issuer_id)
        return page(row, status=422, settings=Form.refused(_whole(row, values), error), seen=request.form.get("seen"))
    except _SavedMeanwhile:
        return _conflict(issuer_id, values)
    flash("The issuer was saved." if changed else "Nothing was different, so nothing was saved.")
    return redirect(url_for("issuer.issuer", issuer_id=issuer_id), 303)


def _whole(row: TrustedIssuer, values: dict[str, Any]) -> dict[str, Any]:
    """Return what was typed with what the form of the settings does not have: who the issuer is, and its key."""
    now = issuer_form.values_of(as_entered(row, groups.names_by_id()))
    return {**values, **{name: now[name] for name in ("issuer", "no_iss", "algorithm")}}


def _revise(issuer_id: str, values: dict[str, Any], problems: Problems) -> list[str]:
    row = saving.get_issuer(issuer_id)
    address = {name: row.definition[name] for name in ("jwks_url", "discover")}
    entered = issuer_form.read_entered(_whole(row, values), problems, **address)
    problems.see()
    assert entered is not None  # noqa: S101 — for the type checker: else there is a problem.
    with writing():
        see_right()
        row = saving.get_issuer(issuer_id, is_locked=True)
        if str(row.revised_at) != request.form.get("seen"):
            raise _SavedMeanwhile
        return saving.revise(row, entered, sealer=get_mint().settings.sealer, by=occasion())


def _conflict(issuer_id: str, values: dict[str, Any]) -> ResponseReturnValue:
    """Show what differs; the form now stands on what is there, so that saving again is deliberate."""
    row = saving.get_issuer(issuer_id)
    now, typed = issuer_form.values_of(as_entered(row, groups.names_by_id())), _whole(row, values)
    words = issuer_form.in_words
    changed = [
        (issuer_form.LABELS[name], words(now[name]), words(typed[name])) for name in typed if now[name] != typed[name]
    ]
    if not changed:
        flash("Nothing was saved: this is how it stands already.")
        return redirect(url_for("issuer.issuer", issuer_id=issuer_id), 303)
    return page(row, status=409, changed=changed, settings=Form(typed))


@bp.post("/switch")
def switch_issuer(issuer_id: str) -> ResponseReturnValue:
    """Switch an issuer on or off; off ends the sessions that it began."""
    check_csrf()
    problems, live = Problems(), request.form.get("live") == "on"
    freshness.confirm(problems)

    def act(row: TrustedIssuer) -> None:
        saving.switch(row, live, by=occasion())

    words = "The issuer is live." if live else "The issuer is switched off, and whom it signed in is signed out."
    return do(issuer_id, "live", problems, act, words)


@bp.post("/remove")
def remove_issuer(issuer_id: str) -> ResponseReturnValue:
    """Take an issuer away, with its keys and whom it knew, once its name was typed."""
    check_csrf()
    problems, typed = Problems(), request.form.get("confirmed", "")
    if typed != saving.get_issuer(issuer_id).name:
        problems.add("confirmed", "is not the name of this issuer")
    freshness.confirm(problems)

    def act(row: TrustedIssuer) -> None:
        saving.remove(row, by=occasion())

    words = "The issuer was taken away, and whom it signed in is signed out."
    return do(issuer_id, "remove", problems, act, words, values={"confirmed": typed}, onward="issuers.issuers")
