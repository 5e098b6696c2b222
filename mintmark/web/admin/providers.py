"""OpenID providers: the list, a new one, and one with its settings and the acts on it.

Rule: each act asks for the password where the sign-in is a while ago (ASVS 7.5.3), and is done only where the provider
still is what the page showed. Its issuer never changes, and its client secret is never shown.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import attributes, groups
from mintmark.errors import FieldError, InvalidFields
from mintmark.examine.sources import warned_sources
from mintmark.models import OpenIDProvider, writing
from mintmark.openid import flow, saving
from mintmark.openid.definition import as_entered, read_client_secret
from mintmark.openid.warnings import warnings_of
from mintmark.web import freshness, get_mint
from mintmark.web.admin import provider_form, provider_found
from mintmark.web.admin.issuer_shown import people_of
from mintmark.web.admin.provider_form import LABELS
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("providers", __name__, url_prefix="/admin/openid")
_SECRET = "client_secret"  # noqa: S105 — the name of a field
_Act = Callable[[OpenIDProvider], object]


class _SavedMeanwhile(FieldError):
    """Somebody else changed this provider since its page was loaded."""

    def __init__(self) -> None:
        super().__init__("was changed since this page was loaded: look at it, and send the form again", "seen")


@bp.get("")
def providers() -> str:
    """Show every provider; there are never many."""
    rows = saving.every()
    people, warned = people_of([row.id for row in rows]), {each.id: each.amount for each in warned_sources()}
    return render_template("admin/providers.html", rows=[(row, people.get(row.id, 0)) for row in rows], warned=warned)


@bp.get("/new")
def form() -> ResponseReturnValue:
    """Show the form of a new provider."""
    return _new(Form(provider_form.usual()))


@bp.post("/new")
def create_provider() -> ResponseReturnValue:
    """Make a provider."""
    check_csrf()
    values, problems, settings = provider_form.typed_values(), Problems(), get_mint().settings
    freshness.confirm(problems)
    secret = _typed_secret(problems)
    try:
        entered = provider_form.read_entered(values, problems)
        problems.see()
        with writing():
            see_right()
            provider_id = saving.create(entered, secret=secret, sealer=settings.sealer, by=occasion()).id
    except (InvalidFields, FieldError) as error:
        return _new(Form.refused({**values, _SECRET: ""}, error), 422)
    flash("The provider is there. What it needs to know of this site stands on this page.")
    return redirect(url_for("providers.provider", provider_id=provider_id), 303)


def _new(form: Form, status: int = 200) -> ResponseReturnValue:
    return shown(
        "admin/provider_form.html", form, status, labels=LABELS, **provider_form.choices(), **_addresses("NAME")
    )


@bp.get("/<provider_id>")
def provider(provider_id: str) -> ResponseReturnValue:
    """Show one provider."""
    return _page(saving.get_provider(provider_id))


@bp.post("/<provider_id>")
def revise_provider(provider_id: str) -> ResponseReturnValue:
    """Change the settings, unless somebody else did so since the form was loaded; the issuer stays."""
    check_csrf()
    values, problems = provider_form.typed_values(), Problems()
    freshness.confirm(problems)
    values["issuer"] = saving.get_provider(provider_id).issuer
    entered: dict[str, Any] = {}
    with problems.of():
        entered = provider_form.read_entered(values, problems)

    def act(row: OpenIDProvider) -> None:
        changed = saving.revise(row, entered, by=occasion())
        flash("The provider was saved." if changed else "Nothing was different, so nothing was saved.")

    return _do(provider_id, "settings", problems, act, "", values)


def _conflict(provider_id: str, typed: Mapping[str, Any]) -> ResponseReturnValue:
    """Show what differs; the form now stands on what is there, so that saving again is deliberate."""
    row = saving.get_provider(provider_id)
    changed = provider_form.differences(as_entered(row, groups.names_by_id()), typed)
    if not changed:
        flash("Nothing was saved: this is how it stands already.")
        return redirect(url_for("providers.provider", provider_id=provider_id), 303)
    return _page(row, 409, changed=changed, settings=Form(typed))


@bp.post("/<provider_id>/secret")
def change_secret(provider_id: str) -> ResponseReturnValue:
    """Give a provider another client secret; none makes this site a public client there."""
    check_csrf()
    problems, sealer = Problems(), get_mint().settings.sealer
    freshness.confirm(problems)
    secret = _typed_secret(problems)
    if secret is None and "is_public" not in request.form:
        problems.add(_SECRET, "is empty; where the provider gave none, say so beneath it")

    def act(row: OpenIDProvider) -> None:
        saving.set_secret(row, secret, sealer=sealer, by=occasion())

    words = "The client secret was changed." if secret else "There is no client secret any more."
    values = {_SECRET: "", "is_public": "is_public" in request.form}
    return _do(provider_id, "secret", problems, act, words, values)


@bp.post("/<provider_id>/switch")
def switch_provider(provider_id: str) -> ResponseReturnValue:
    """Switch a provider on or off; off ends the sessions that it began."""
    check_csrf()
    problems, live = Problems(), request.form.get("live") == "on"
    freshness.confirm(problems)

    def act(row: OpenIDProvider) -> None:
        saving.switch(row, live, by=occasion())

    words = "The provider is live." if live else "The provider is switched off, and whom it signed in is signed out."
    return _do(provider_id, "live", problems, act, words)


@bp.post("/<provider_id>/remove")
def remove_provider(provider_id: str) -> ResponseReturnValue:
    """Take a provider away, with whom it knew, once its name was typed."""
    check_csrf()
    problems, confirmed = Problems(), request.form.get("confirmed", "")
    if confirmed != saving.get_provider(provider_id).name:
        problems.add("confirmed", "is not the name of this provider")
    freshness.confirm(problems)

    def act(row: OpenIDProvider) -> None:
        saving.remove(row, by=occasion())

    words = "The provider was taken away, and whom it signed in is signed out."
    return _do(provider_id, "remove", problems, act, words, {"confirmed": confirmed}, is_gone=True)


@bp.post("/<provider_id>/read")
def read_provider_now(provider_id: str) -> ResponseReturnValue:
    """Read what a provider says of itself now."""
    check_csrf()
    flash(provider_found.read_now(saving.get_provider(provider_id)))
    return redirect(url_for("providers.provider", provider_id=provider_id) + "#found", 303)


def _typed_secret(problems: Problems) -> str | None:
    with problems.of(_SECRET):
        typed = request.form.get(_SECRET, "")
        return read_client_secret(typed) if typed else None
    return None


def _do(
    provider_id: str,
    place: str,
    problems: Problems,
    act: _Act,
    words: str,
    values: Mapping[str, Any] | None = None,
    *,
    is_gone: bool = False,
) -> ResponseReturnValue:
    """Do an act on the provider as its page showed it; what is refused is said at the form `place`."""
    try:
        problems.see()
        with writing():
            see_right()
            row = saving.get_provider(provider_id, is_locked=True)
            if str(row.revised_at) != request.form.get("seen"):
                raise _SavedMeanwhile
            act(row)
    except (InvalidFields, FieldError) as error:
        if isinstance(error, _SavedMeanwhile) and place == "settings":
            return _conflict(provider_id, values or {})
        return _refuse(provider_id, place, Form.refused(values or {}, error))
    if words:
        flash(words)
    where = url_for("providers.providers") if is_gone else url_for("providers.provider", provider_id=provider_id)
    return redirect(where, 303)


def _refuse(provider_id: str, place: str, form: Form) -> ResponseReturnValue:
    """Show a form as it was typed; that of the settings still stands on what was seen then."""
    seen = request.form.get("seen") if place == "settings" else None
    refused: dict[str, Any] = {place: form}
    return _page(saving.get_provider(provider_id), 422, seen=seen, **refused)


def _page(
    row: OpenIDProvider, status: int = 200, *, seen: str | None = None, changed: Any = (), **refused: Form
) -> ResponseReturnValue:
    """`seen` is the version on which the form of the settings stands, `changed` where what was typed differs."""
    entered = as_entered(row, groups.names_by_id())
    forms = {name: Form({}) for name in ("secret", "live", "remove")}
    forms |= {"settings": Form(provider_form.values_of(entered)), **refused}
    return shown(
        "admin/provider.html",
        forms["settings"],
        status,
        row=row,
        entered=entered,
        forms=forms,
        refused=next(iter(refused), None),
        settings_seen=seen or row.revised_at,
        changed=changed,
        found=provider_found.stored(row),
        warnings=[("warning", words[0].upper() + words[1:]) for words in warnings_of(row, attributes.declared())],
        identities=people_of([row.id]).get(row.id, 0),
        labels=LABELS,
        **provider_form.choices(),
        **_addresses(row.name),
    )


def _addresses(name: str) -> dict[str, str]:
    site = get_mint().settings.site_url
    return {"redirect_uri": flow.redirect_uri(site, name), "post_logout_uri": flow.post_logout_uri(site)}
