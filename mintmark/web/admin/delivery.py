"""How the tokens of an asset get to the relying party: addresses and snippets to copy."""

from flask import Blueprint

bp = Blueprint("delivery", __name__, url_prefix="/admin/assets")


@bp.get("/<asset_id>/delivery")
def delivery(asset_id: str) -> str:
    """Show it."""
    raise NotImplementedError
