"""Stub."""

from flask import Blueprint

bp = Blueprint("own_sessions", __name__, url_prefix="/account/sessions")


@bp.get("")
def sessions() -> str:
    """Stub."""
    return ""
