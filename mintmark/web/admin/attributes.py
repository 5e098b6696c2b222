"""Stub."""

from flask import Blueprint

bp = Blueprint("attributes", __name__, url_prefix="/admin/attributes")


@bp.get("")
def attributes() -> str:
    """Stub."""
    return ""
