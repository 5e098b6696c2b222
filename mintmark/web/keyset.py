"""Where a page of a list begins, and what it is narrowed by, as the address says."""

from flask import request


def asked(name: str) -> str:
    """Return a value of the address as text that a database takes (PostgreSQL: without NUL); "" where it is none."""
    text = request.args.get(name, "")[:1000]
    return "" if "\x00" in text else text
