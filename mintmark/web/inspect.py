"""Stub."""

from flask import Blueprint

bp = Blueprint("inspect", __name__, url_prefix="/account/inspect")


@bp.get("")
def form() -> str:
    """Stub."""
    return ""
