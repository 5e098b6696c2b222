"""Stub."""

from flask import Blueprint

bp = Blueprint("preview", __name__, url_prefix="/account/preview")


@bp.get("/<path:path>")
def preview(path: str) -> str:
    """Stub."""
    return ""
