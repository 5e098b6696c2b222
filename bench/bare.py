"""Bare Flask: one route that returns 300 bytes; every other figure is a share of what it does."""

from flask import Flask

app = Flask(__name__)


@app.get("/a")
def bare() -> str:
    """Return as many bytes as a small token has."""
    return "x" * 300
