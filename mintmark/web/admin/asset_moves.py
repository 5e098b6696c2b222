"""Stub."""

from flask import Blueprint

bp = Blueprint("asset_moves", __name__, url_prefix="/admin/assets/<asset_id>")


@bp.get("/move")
def move_form(asset_id: str) -> str:
    """Stub."""
    return ""


@bp.get("/copy")
def copy_form(asset_id: str) -> str:
    """Stub."""
    return ""
