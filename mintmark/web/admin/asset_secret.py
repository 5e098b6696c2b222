"""The secret of an asset: its fingerprint, and another one in its place. The present one is never shown.

Changing it asks for the password where the sign-in is a while ago (ASVS 7.5.3).
"""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark.assets import save
from mintmark.errors import FieldError, InvalidFields
from mintmark.models import Asset, Secret, db, writing
from mintmark.web import freshness, get_mint
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.admin.secret_entered import LABELS, new_secret_values, read_secret_entered, typed_secret_values
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("asset_secret", __name__, url_prefix="/admin/assets/<asset_id>/secret")


@bp.get("")
def form(asset_id: str) -> ResponseReturnValue:
    """Show what is known of the secret, and the form for another."""
    return _page(get_asset(asset_id), Form(new_secret_values()))


@bp.post("")
def change_secret(asset_id: str) -> ResponseReturnValue:
    """Put another secret in its place, as the next revision."""
    check_csrf()
    values, problems = typed_secret_values(), Problems()
    freshness.confirm(problems)
    try:
        problems.see()
        number, changed = _save(asset_id, values, request.form.get("present", ""))
    except (InvalidFields, FieldError) as error:
        return _page(get_asset(asset_id), Form.refused(values, error), 422)
    if changed:
        look_again(asset_id)
    flash(f"Saved as revision {number}." if changed else "Nothing was changed: this is the present secret.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


def _save(asset_id: str, values: dict[str, Any], seen: str) -> tuple[int, list[str]]:
    """Save the secret where the present one is still that which was seen. Raises FieldError."""
    with writing():
        see_right()
        asset = save.lock_asset(asset_id)
        definition = dict(save.current_revision(asset).definition)
        secret = read_secret_entered(values, definition["algorithm"])
        sealer = get_mint().settings.sealer
        if present_secret(asset).id != seen and save.is_other_secret(secret, present_secret(asset), sealer=sealer):
            raise FieldError("was changed by somebody else meanwhile: save again to replace that one too", "secret")
        changed = save.revise(asset, definition, secret, sealer=sealer, by=occasion())
        return asset.revision, changed


def present_secret(asset: Asset) -> Secret:
    """Return the sealed secret of an asset's current revision."""
    return db.session.get_one(Secret, save.current_revision(asset).secret_id)


def _page(asset: Asset, form: Form, status: int = 200) -> ResponseReturnValue:
    definition = save.current_revision(asset).definition
    more = {"asset": asset, "present": present_secret(asset), "algorithm": definition["algorithm"], "labels": LABELS}
    return shown("admin/asset_secret.html", form, status, **more)
