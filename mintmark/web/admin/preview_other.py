"""The claims that an asset gives another person, for administrators: a recorded act, and no token.

Nothing is signed, so nothing usable can leave; and nothing is shown before it is in the log who
looked at whose claims (CVE-2026-37978).
"""

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from mintmark import log, people, search
from mintmark.assets.prepare import Prepared
from mintmark.claims_shown import as_json, rows_of
from mintmark.drafts import make_sample
from mintmark.errors import CannotIssue, InvalidFields
from mintmark.examine.findings import Failure
from mintmark.models import Asset, Person, db, writing
from mintmark.payload import Source
from mintmark.readers import Reader, may_fetch
from mintmark.web import get_mint, params
from mintmark.web.admin.one_asset import get_asset
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.occasion import occasion

bp = Blueprint("preview_other", __name__, url_prefix="/admin/assets/<asset_id>/preview")
_MAX_SUGGESTIONS = 10


@bp.get("")
def form(asset_id: str) -> ResponseReturnValue:
    """Ask for whom."""
    asset = get_asset(asset_id)
    prepared = get_mint().prepare(asset.id, asset.revision)
    return _page(asset, prepared, Form({"username": request.args.get("username", ""), **params.asked(prepared)}))


@bp.post("")
def show_claims(asset_id: str) -> ResponseReturnValue:
    """Record the look, then show the claims, or why there would be none."""
    check_csrf()
    asset = get_asset(asset_id)
    prepared = get_mint().prepare(asset.id, asset.revision)
    values, problems = {"username": request.form.get("username", ""), **params.typed(prepared)}, Problems()
    reader = _read_reader(asset.path, values["username"], problems)
    given = params.read(prepared, values, problems)
    try:
        problems.see()
    except InvalidFields as error:
        return _page(asset, prepared, Form.refused(values, error), suggestions=_suggestions(values["username"])), 422
    assert reader is not None  # noqa: S101 — for the type checker: without one there is a problem.
    return _page(asset, prepared, Form(values), reader=reader, **_look(prepared, reader, given))


def _read_reader(path: str, username: str, problems: Problems) -> Reader | None:
    """Return the live person of a name as templates see them; otherwise there is a problem."""
    person = people.find_person(username)
    if person is None:
        problems.add("username", "is nobody’s" if username else "is empty")
        return None
    mint = get_mint()
    _, reader = mint.look_up(path, now=mint.clock(), person=person.id)
    if reader is None:
        problems.add("username", "is that of somebody switched off, who gets no token")
    return reader


def _look(asset: Prepared, reader: Reader, given: dict[str, str]) -> dict[str, Any]:
    """Make the claims, commit who looked at them, and only then return them. Raises Busy."""
    sources: dict[Any, Source] = {}
    by, site_url = occasion(), get_mint().settings.site_url
    about: dict[str, Any] = {"person": reader.id, "asset": asset.id, "revision": asset.revision}
    try:
        claims = make_sample(asset, reader, given, by.now, site_url, sources).claims
    except CannotIssue as error:
        detail = {"path": asset.path, **error.detail}
        with writing():
            log.note("asset.previewed", by, outcome="failed", code=error.code, detail=detail, **about)
        return {"failure": Failure.of(error)}
    with writing():
        log.note("asset.previewed", by, detail={"path": asset.path}, **about)
    return {"claims": rows_of(claims, sources, asset.definition), "claims_json": as_json(claims, indent=2)}


def _suggestions(typed: str) -> list[Person]:
    """Return live people of whom a word begins with what was typed."""
    hits = search.find(search.PERSON, typed, limit=_MAX_SUGGESTIONS)
    ids = [hit.id for hit in hits]
    found = db.session.scalars(select(Person).where(Person.id.in_(ids), Person.live))
    return sorted(found, key=lambda person: ids.index(person.id))


def _page(asset: Asset, prepared: Prepared, form: Form, *, reader: Reader | None = None, **more: Any) -> str:
    return render_template(
        "admin/preview_other.html",
        asset=asset,
        definition=prepared.definition,
        form=form,
        fields=params.fields_of(prepared),
        reader=reader,
        is_reader=reader is not None and may_fetch(prepared, reader),
        now=int(get_mint().clock()),
        **more,
    )
