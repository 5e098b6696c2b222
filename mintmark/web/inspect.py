"""Inspecting a pasted token on this very server, so that nobody needs a third party's page for it.

Nothing of it is kept: it stands in no address, no log and no error, only in the answer to
whoever pasted it.
"""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import inspection
from mintmark.assets.prepare import Prepared
from mintmark.claims_shown import as_json, is_moment, rows_of
from mintmark.errors import FieldError, InvalidFields
from mintmark.keys.life import REVOKED
from mintmark.paths import read_path
from mintmark.readers import may_fetch
from mintmark.unverified import TokenMalformed, UnverifiedToken, read_unverified
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, typed

bp = Blueprint("inspect", __name__, url_prefix="/account/inspect")


@bp.get("")
def form() -> ResponseReturnValue:
    """Show the empty form."""
    return render_template("inspect.html", form=Form({"token": "", "path": ""}))


@bp.post("")
def inspect_token() -> ResponseReturnValue:
    """Read the token, look for who signed it, and show both."""
    check_csrf()
    values, problems = typed("token", "path"), Problems()
    token, asset = _read_token(values["token"], problems), _read_asset(values["path"], problems)
    try:
        problems.see()
    except InvalidFields as error:
        return render_template("inspect.html", form=Form.refused(values, error)), 422
    assert token is not None  # noqa: S101 — for the type checker: without one there is a problem.
    unverified_end = token.unverified_claims.get("exp")
    return render_template(
        "inspect.html",
        form=Form(values),
        now=int(get_mint().clock()),
        unverified_header=rows_of(token.unverified_header),
        unverified_claims=rows_of(token.unverified_claims),
        unverified_json=as_json({"header": token.unverified_header, "claims": token.unverified_claims}, indent=2),
        unverified_end=unverified_end,
        is_moment=is_moment(unverified_end),
        **_verdict(token, asset),
    )


def _read_token(text: str, problems: Problems) -> UnverifiedToken | None:
    """Read what was pasted; white space around it comes from copying."""
    try:
        return read_unverified(text.strip())
    except TokenMalformed as error:
        problems.add("token", f"cannot be read. {error}")
        return None


def _read_asset(text: str, problems: Problems) -> Prepared | None:
    """Return the live asset of a typed path, if any was typed. What may not be fetched is not there."""
    if not text.strip():
        return None
    mint = get_mint()
    try:
        asset, reader = mint.look_up(read_path(text.strip()), now=mint.clock(), session=current_user.get_id())
        if asset is None or reader is None or not may_fetch(asset, reader):
            raise FieldError(
                "leads to no live asset that you may fetch; leave it empty to try all that you may", "path"
            )
    except FieldError as error:
        problems.add("path", str(error))
        return None
    return asset


def _verdict(token: UnverifiedToken, asset: Prepared | None) -> dict[str, Any]:
    """Say who signed it; the words of why nobody here can have come before any secret is opened."""
    if obstacle := inspection.find_obstacle(token):
        return {"obstacle": obstacle}
    mint, person = get_mint(), current_user.person
    now, asset_id = mint.clock(), asset.id if asset else None
    if inspection.is_of_key(token):
        by_key = inspection.find_key(token, person, now=now, asset_id=asset_id)
        is_verified = by_key.has_signed and by_key.state != REVOKED and not by_key.is_other
        return {"by_key": by_key, "asked": asset, "is_verified": is_verified}
    search = inspection.find_signer(token, person, sealer=mint.settings.sealer, now=now, asset_id=asset_id)
    return {"search": search, "asked": asset, "is_verified": search.path is not None}
