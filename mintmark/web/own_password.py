"""Stub."""

from flask import Blueprint

bp = Blueprint("own_password", __name__, url_prefix="/account/password")


@bp.get("")
def form() -> str:
    """Stub."""
    return ""
