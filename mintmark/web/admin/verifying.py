"""How a relying party verifies the tokens of an asset: code to copy, filled in."""

from flask import Blueprint

bp = Blueprint("verifying", __name__, url_prefix="/admin/assets")


@bp.get("/<asset_id>/verify")
def verifying(asset_id: str) -> str:
    """Show it."""
    raise NotImplementedError
