"""Stub."""

from flask import Blueprint

bp = Blueprint("help", __name__)


@bp.get("/help")
def help() -> str:
    """Stub."""
    return ""
