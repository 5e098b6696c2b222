"""Stub."""

from flask import Blueprint

bp = Blueprint("records", __name__, url_prefix="/admin/log")


@bp.get("")
def records() -> str:
    """Stub."""
    return ""
