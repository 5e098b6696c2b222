"""Stub."""

from flask import Blueprint

bp = Blueprint("awkward", __name__, url_prefix="/admin/assets/<asset_id>/awkward")


@bp.get("")
def awkward(asset_id: str) -> str:
    """Stub."""
    return ""
