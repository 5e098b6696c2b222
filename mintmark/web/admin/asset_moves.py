"""Moving an asset to another path, ending a path that it left, and copying an asset.

A copy with the very same secret makes a token for the one good for the other, so that this choice,
and each that has to do with signing keys, asks for the password where the sign-in is a while ago (ASVS 7.5.3).
"""

import re
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark.assets import former, moves, save
from mintmark.assets.definition import read_asset_path
from mintmark.assets.secrets import SecretValue
from mintmark.errors import FieldError, InvalidFields, NotFound
from mintmark.fields import read_choice, read_text, read_whole
from mintmark.models import Asset, writing
from mintmark.paths import is_path
from mintmark.web import freshness, get_mint
from mintmark.web.admin.key_chosen import Chosen, new_key_values, read_key_chosen
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.admin.secret_entered import LABELS, new_secret_values, read_secret_entered, typed_secret_values
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("asset_moves", __name__, url_prefix="/admin/assets/<asset_id>")
NEW, SAME = "new", "same"


@bp.get("/move")
def move_form(asset_id: str) -> ResponseReturnValue:
    """Show the form for another path, and the former ones that still answer."""
    asset = get_asset(asset_id)
    return _move_page(asset, Form({"path": asset.path, "days": moves.USUAL_DAYS}), 200)


@bp.post("/move")
def move_asset(asset_id: str) -> ResponseReturnValue:
    """Move the asset; the path that it leaves answers as long as was said."""
    check_csrf()
    values, problems = typed("path", "days"), Problems()
    with problems.of("path"):
        path = read_asset_path(values["path"])
    with problems.of("days"):
        days = _read_days(values["days"])
    try:
        problems.see()
        with writing():
            see_right()
            asset = save.lock_asset(asset_id)
            left = asset.path
            moves.move(asset, path, days=days, sealer=get_mint().settings.sealer, by=occasion())
    except (FieldError, InvalidFields) as error:
        return _move_page(get_asset(asset_id), Form.refused(values, error), 422)
    look_again(asset_id)
    days_in_words = f"answers for {days} more day{'s' if days != 1 else ''}" if days else "answers no more"
    flash(f"Moved to /{path}. The path /{left} {days_in_words}.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


@bp.post("/move/end")
def end_former_path(asset_id: str) -> ResponseReturnValue:
    """Let a former path answer no more."""
    check_csrf()
    path = request.form.get("path", "")
    with writing():
        see_right()
        asset = save.lock_asset(asset_id)
        if not is_path(path) or not moves.end_former_path(asset, path, by=occasion()):
            raise NotFound("This path does not answer for the asset. It may have been ended already.")
    flash(f"The path /{path} answers no more.")
    return redirect(url_for("asset_moves.move_form", asset_id=asset_id), 303)


@bp.get("/copy")
def copy_form(asset_id: str) -> ResponseReturnValue:
    """Show the form for a copy."""
    asset = get_asset(asset_id)
    values = {"path": "", "name": asset.name, "kept": NEW}
    values |= {"key_id": "", "audience": ""} if asset.ring_id else new_secret_values()
    return _copy_page(asset, Form(values), 200)


@bp.post("/copy")
def copy_asset(asset_id: str) -> ResponseReturnValue:
    """Make an asset like this one at another path."""
    check_csrf()
    asset, problems = get_asset(asset_id), Problems()
    typed_too = typed("key_id", "audience") if asset.ring_id else typed_secret_values()
    values = {**typed("path", "name", "kept"), **typed_too}
    try:
        path, name = _read_copy(values, problems)
        more = _read_key(asset, values, problems) if asset.ring_id else _read_secret(asset, values, problems)
        copied_id = _copy(asset_id, path, name, **more)
    except (FieldError, InvalidFields) as error:
        return _copy_page(get_asset(asset_id), Form.refused(values, _at_audience(error)), 422)
    look_again(copied_id)
    flash(f"Copied to /{path}.")
    return redirect(url_for("asset.asset", asset_id=copied_id), 303)


def _copy(
    asset_id: str,
    path: str,
    name: str,
    secret: SecretValue | None = None,
    key: Chosen | None = None,
    audience: str = "",
) -> str:
    """Make the copy, and its key where that is new; return its id."""
    sealer, by = get_mint().settings.sealer, occasion()
    with writing():
        see_right()
        asset = save.lock_asset(asset_id)
        made = key.take(sealer=sealer, by=by) if key is not None else None
        return moves.copy(asset, path, name, secret, sealer=sealer, by=by, key=made, audience=audience).id


def _read_copy(values: dict[str, Any], problems: Problems) -> tuple[str, str]:
    """Return path and name of a copy; what is wrong is noted."""
    path = name = ""
    with problems.of("path"):
        path = read_asset_path(values["path"])
    with problems.of("name"):
        name = read_text(values["name"], "name")
    with problems.of("kept"):
        read_choice(values["kept"], "kept", (NEW, SAME))
    return path, name


def _read_secret(asset: Asset, values: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the secret of a copy; none is the same one. Raises InvalidFields."""
    secret = None
    if values["kept"] == SAME:
        freshness.confirm(problems)
    else:
        with problems.of():
            secret = read_secret_entered(values, save.current_revision(asset).definition["algorithm"])
    problems.see()
    return {"secret": secret}


def _read_key(asset: Asset, values: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the new key of a copy, or the `aud` with which it shares the same one. Raises InvalidFields."""
    freshness.confirm(problems)
    if values["kept"] == SAME:
        audience = values["audience"].strip()
        with problems.of("audience"):
            read_text(audience, "audience", longest=255)
        problems.see()
        return {"audience": audience}
    algorithm = save.current_revision(asset).definition["algorithm"]
    own = {**new_key_values(), "key_algorithm": algorithm, "key_id": values["key_id"]}
    return {"key": read_key_chosen(own, problems)}


def _at_audience(error: FieldError | InvalidFields) -> FieldError | InvalidFields:
    """Say at the `aud` of the copy why it cannot share the key."""
    is_key = isinstance(error, FieldError) and error.field == "signing_key"
    return FieldError(f"does not do: the signing key {error}", "audience") if is_key else error


def _read_days(text: str) -> int:
    """Return for how long a path answers. Raises FieldError."""
    text = text.strip()
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else None
    return read_whole(value, "days", 0, moves.MAX_DAYS)


def _move_page(asset: Asset, form: Form, status: int) -> ResponseReturnValue:
    after = request.args.get("after", "")
    paths = former.of_asset(
        asset.id, now=get_mint().clock(), after=after if is_path(after) else "", limit=former.PAGE_SIZE + 1
    )
    last = paths[former.PAGE_SIZE - 1].path if len(paths) > former.PAGE_SIZE else None
    here = "asset_moves.move_form"
    return shown(
        "admin/asset_move.html",
        form,
        status,
        asset=asset,
        former=paths[: former.PAGE_SIZE],
        first_url=url_for(here, asset_id=asset.id) if after else None,
        next_url=url_for(here, asset_id=asset.id, after=last) if last else None,
    )


def _copy_page(asset: Asset, form: Form, status: int) -> ResponseReturnValue:
    labels = {"kept": "Key of the copy", "key_id": "Key id", "audience": "Audience of the copy"}
    if not asset.ring_id:
        labels = LABELS | {"kept": "Secret of the copy"}
    return shown("admin/asset_copy.html", form, status, asset=asset, labels=labels)
