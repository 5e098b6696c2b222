"""Stub."""

from flask import Blueprint

bp = Blueprint("asset", __name__, url_prefix="/admin/assets/<asset_id>")


@bp.get("")
def asset(asset_id: str) -> str:
    """Stub."""
    return ""
