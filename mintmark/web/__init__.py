"""What is seen from outside: one module per page or door. Views read, call acts, commit once, answer."""

from typing import cast

from flask import current_app

from mintmark.issue import Mint


def get_mint() -> Mint:
    """Return what this process issues with; it also holds the settings and the clock."""
    return cast(Mint, current_app.extensions["mintmark"])
