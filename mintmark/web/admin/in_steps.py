"""Long work in steps: each commits, so that nobody waits long for the database.

Rule: a request works for some seconds and says how far it came; whoever started it goes on with
one button, and what was broken off is begun again without harm.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from mintmark.models import writing

SECONDS = 4.0
_T = TypeVar("_T")


def in_steps(step: Callable[[_T], _T | None], place: _T) -> tuple[_T | None, int]:
    """Do a step after another from a place; return where to go on, None at the end, and how many were done."""
    deadline, done, left = time.monotonic() + SECONDS, 0, None
    while True:
        with writing():
            left = step(place if left is None else left)
        done += 1
        if left is None or time.monotonic() > deadline:
            return left, done
