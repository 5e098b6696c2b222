"""Stub."""

from flask import Blueprint

bp = Blueprint("revisions", __name__, url_prefix="/admin/assets/<asset_id>/revisions")


@bp.get("")
def revisions(asset_id: str) -> str:
    """Stub."""
    return ""
