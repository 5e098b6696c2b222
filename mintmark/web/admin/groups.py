"""Stub."""

from flask import Blueprint

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")


@bp.get("")
def groups() -> str:
    """Stub."""
    return ""
