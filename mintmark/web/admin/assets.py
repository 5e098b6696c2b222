"""Stub."""

from flask import Blueprint

bp = Blueprint("assets", __name__, url_prefix="/admin/assets")


@bp.get("")
def assets() -> str:
    """Stub."""
    return ""
