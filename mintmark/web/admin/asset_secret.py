"""Stub."""

from flask import Blueprint

bp = Blueprint("asset_secret", __name__, url_prefix="/admin/assets/<asset_id>/secret")


@bp.get("")
def form(asset_id: str) -> str:
    """Stub."""
    return ""
