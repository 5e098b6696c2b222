"""Stub."""

from flask import Blueprint

bp = Blueprint("asset_trash", __name__, url_prefix="/admin/assets/<asset_id>")


@bp.get("/trash")
def form(asset_id: str) -> str:
    """Stub."""
    return ""
