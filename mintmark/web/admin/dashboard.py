"""Stub."""

from flask import Blueprint

bp = Blueprint("dashboard", __name__, url_prefix="/admin")


@bp.get("")
def dashboard() -> str:
    """Stub."""
    return ""
