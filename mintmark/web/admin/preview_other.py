"""Stub."""

from flask import Blueprint

bp = Blueprint("preview_other", __name__, url_prefix="/admin/assets/<asset_id>/preview")


@bp.get("")
def form(asset_id: str) -> str:
    """Stub."""
    return ""
