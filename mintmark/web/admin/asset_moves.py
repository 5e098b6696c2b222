"""Moving an asset to another path, ending a path that it left, and copying an asset.

A copy with the very same secret makes a token for the one good for the other, so that this
choice asks for the password where the sign-in is a while ago (ASVS 7.5.3).
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
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.admin.secret_entered import LABELS, new_secret_values, read_secret_entered, typed_secret_values
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion

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
        asset = save.lock_asset(asset_id)
        if not is_path(path) or not moves.end_former_path(asset, path, by=occasion()):
            raise NotFound("This path does not answer for the asset. It may have been ended already.")
    flash(f"The path /{path} answers no more.")
    return redirect(url_for("asset_moves.move_form", asset_id=asset_id), 303)


@bp.get("/copy")
def copy_form(asset_id: str) -> ResponseReturnValue:
    """Show the form for a copy."""
    asset = get_asset(asset_id)
    values = {"path": "", "name": asset.name, "kept": NEW, **new_secret_values()}
    return _copy_page(asset, Form(values), 200)


@bp.post("/copy")
def copy_asset(asset_id: str) -> ResponseReturnValue:
    """Make an asset like this one at another path."""
    check_csrf()
    values = {**typed("path", "name", "kept"), **typed_secret_values()}
    try:
        path, name, secret = _read_copy(get_asset(asset_id), values)
        with writing():
            asset = save.lock_asset(asset_id)
            copied = moves.copy(asset, path, name, secret, sealer=get_mint().settings.sealer, by=occasion())
            copied_id = copied.id
    except (FieldError, InvalidFields) as error:
        return _copy_page(get_asset(asset_id), Form.refused(values, error), 422)
    look_again(copied_id)
    flash(f"Copied to /{path}.")
    return redirect(url_for("asset.asset", asset_id=copied_id), 303)


def _read_copy(asset: Asset, values: dict[str, Any]) -> tuple[str, str, SecretValue | None]:
    """Return path, name and secret of a copy; no secret is the same one. Raises InvalidFields."""
    problems, secret = Problems(), None
    algorithm = save.current_revision(asset).definition["algorithm"]
    with problems.of("path"):
        path = read_asset_path(values["path"])
    with problems.of("name"):
        name = read_text(values["name"], "name")
    with problems.of("kept"):
        kept = read_choice(values["kept"], "kept", (NEW, SAME))
        if kept == SAME:
            freshness.confirm(problems)
        else:
            with problems.of():
                secret = read_secret_entered(values, algorithm)
    problems.see()
    return path, name, secret


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
    return shown("admin/asset_copy.html", form, status, asset=asset, labels=LABELS | {"kept": "Secret of the copy"})
