"""Stub."""

from flask import Blueprint

bp = Blueprint("person", __name__, url_prefix="/admin/people/<person_id>")


@bp.get("")
def person(person_id: str) -> str:
    """Stub."""
    return ""
