"""Stub."""

from flask import Blueprint

bp = Blueprint("people", __name__, url_prefix="/admin/people")


@bp.get("")
def people() -> str:
    """Stub."""
    return ""
