"""A page that turns the payload of a Squiz Matrix JWT asset into a template, with a report."""

from flask import Blueprint

bp = Blueprint("matrix_import", __name__, url_prefix="/admin/matrix-import")
