"""Launch: sends the browser of who is signed in to the relying party, with a fresh token."""

from flask import Blueprint

bp = Blueprint("launch", __name__)
