"""Stub."""

from flask import Blueprint

bp = Blueprint("asset_form", __name__, url_prefix="/admin/assets")


@bp.get("/new")
def draft() -> str:
    """Stub."""
    return ""


@bp.get("/<asset_id>/edit")
def form(asset_id: str) -> str:
    """Stub."""
    return ""
