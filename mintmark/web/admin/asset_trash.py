"""Moving an asset to the trash; and from there back, or away for good.

Purging is only for what is in the trash: the path is typed, and the password where the sign-in
is a while ago (ASVS 7.5.3).
"""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from mintmark.assets import save, trash
from mintmark.assets.definition import read_asset_path
from mintmark.errors import FieldError, InvalidFields
from mintmark.models import Asset, writing
from mintmark.web import freshness, get_mint
from mintmark.web.admin.key_chosen import Chosen, new_key_values, read_key_chosen
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("asset_trash", __name__, url_prefix="/admin/assets/<asset_id>/trash")


@bp.get("")
def form(asset_id: str) -> ResponseReturnValue:
    """Show what the trash is, and what can be done there."""
    asset = get_asset(asset_id, is_trashed=None)
    return _page(asset, Form({"path": asset.path, "kept": "same", "key_id": "", "confirmed_path": ""}), 200)


@bp.post("")
def trash_asset(asset_id: str) -> ResponseReturnValue:
    """Move the asset to the trash."""
    check_csrf()
    with writing():
        see_right()
        trash.trash(save.lock_asset(asset_id), by=occasion())
    flash("The asset is in the trash. Its path answers 404.")
    return redirect(url_for("asset_trash.form", asset_id=asset_id), 303)


@bp.post("/restore")
def restore_asset(asset_id: str) -> ResponseReturnValue:
    """Take the asset out of the trash, to its old path or another one."""
    check_csrf()
    values = {**typed("path", "kept", "key_id"), "confirmed_path": ""}
    sealer, by = get_mint().settings.sealer, occasion()
    try:
        path, own = _read_restore(get_asset(asset_id, is_trashed=True), values)
        with writing():
            see_right()
            asset = save.lock_asset(asset_id, is_trashed=True)
            key = own.take(sealer=sealer, by=by) if own is not None else None
            problems = trash.restore(asset, path, sealer=sealer, by=by, key=key)
    except (FieldError, InvalidFields) as error:
        return _page(get_asset(asset_id, is_trashed=True), Form.refused(values, error), 422)
    look_again(asset_id)
    if not problems:
        flash(f"The asset is back at /{path}.")
        return redirect(url_for("asset.asset", asset_id=asset_id), 303)
    field, words = problems[0]
    flash(f"The asset is back at /{path}, but switched off, for it does not hold today: {field}: {words}")
    return redirect(url_for("asset_form.form", asset_id=asset_id), 303)


def _read_restore(asset: Asset, values: dict[str, str]) -> tuple[str, Chosen | None]:
    """Return the path, and the key of its own that the asset comes back with, if any. Raises InvalidFields."""
    problems, path, own = Problems(), "", None
    with problems.of("path"):
        path = read_asset_path(values["path"])
    if asset.ring_id is not None and values["kept"] == "new":
        freshness.confirm(problems)
        algorithm = save.current_revision(asset).definition["algorithm"]
        made = {**new_key_values(), "key_algorithm": algorithm, "key_id": values["key_id"]}
        own = read_key_chosen(made, problems)
    problems.see()
    return path, own


@bp.post("/purge")
def purge_asset(asset_id: str) -> ResponseReturnValue:
    """Take the asset away for good."""
    check_csrf()
    asset, problems = get_asset(asset_id, is_trashed=True), Problems()
    values = {"path": asset.path, "kept": "same", "key_id": "", **typed("confirmed_path")}
    if values["confirmed_path"].strip().removeprefix("/") != asset.path:
        problems.add("confirmed_path", f"is not `{asset.path}`, the path of this asset; type that")
    freshness.confirm(problems)
    try:
        problems.see()
    except InvalidFields as error:
        return _page(get_asset(asset_id, is_trashed=True), Form.refused(values, error), 422)
    with writing():
        see_right()
        trash.purge(save.lock_asset(asset_id, is_trashed=True), by=occasion())
    flash("The asset was taken away for good.")
    return redirect(url_for("assets.assets", show="trash"), 303)


def _page(asset: Asset, form: Form, status: int) -> ResponseReturnValue:
    is_purge = "confirmed_path" in form.problems or (freshness.FIELD in form.problems and form.values["kept"] != "new")
    holder = save.find_asset(asset.path) if asset.trashed_at is not None else None
    return shown("admin/asset_trash.html", form, status, asset=asset, holder=holder, is_purge=is_purge)
