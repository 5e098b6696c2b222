"""Presets: what an asset can begin with, and what each of them asks for."""

from flask import Blueprint

bp = Blueprint("presets", __name__, url_prefix="/admin/presets")
