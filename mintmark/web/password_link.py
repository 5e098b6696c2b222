"""Stub."""

from flask import Blueprint

bp = Blueprint("password_link", __name__, url_prefix="/setup/password")


@bp.get("")
def form() -> str:
    """Stub."""
    return ""


@bp.post("")
def set_password() -> str:
    """Stub."""
    return ""
