"""Waiting for others on behalf of strangers: one thread of a process at any moment, and until one deadline.

Rule (CWE-400): however slow another site is and however many come back from it, the other threads of this process
answer everybody else. Whoever finds the turn taken is told so at once, or goes on with what is kept.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from mintmark.errors import MintmarkError

_UNNOTICED = 1.5  # Seconds; whoever takes longer lets others have the next turn.
_turn = threading.BoundedSemaphore(1)
_mine = threading.local()
_rests: dict[str, float] = {}  # Who waited → when they may wait again.


class NoTurn(MintmarkError):
    """Somebody else is being waited for."""

    code = "no_turn"

    def __init__(self) -> None:
        super().__init__("This site is waiting for others at this moment. Try again in a few seconds.")


@contextmanager
def turn(seconds: float = math.inf, whose: str | None = None) -> Iterator[None]:
    """Wait for others within this, at most so long altogether. Raises NoTurn.

    A turn within a turn is the same one. Whom `whose` names rests afterwards as long as it took: one slow site does
    not take every turn from the others.
    """
    if _ends_at() is not None:
        yield
        return
    if (whose is not None and _rests.get(whose, 0) > monotonic()) or not _turn.acquire(blocking=False):
        raise NoTurn
    began = monotonic()
    _mine.ends_at = began + seconds
    try:
        yield
    finally:
        _mine.ends_at = None
        if whose is not None:
            _rest(whose, began)
        _turn.release()


def left(seconds: float) -> float:
    """Return how many of so many seconds the turn of this thread leaves; all of them where it has none."""
    ends_at = _ends_at()
    return seconds if ends_at is None else min(seconds, ends_at - monotonic())


def _ends_at() -> float | None:
    return getattr(_mine, "ends_at", None)


def _rest(whose: str, began: float) -> None:
    """Called by whoever has the turn, so by one thread at a time."""
    now = monotonic()
    for each in [each for each, until in _rests.items() if until <= now]:
        del _rests[each]
    if now - began > _UNNOTICED:
        _rests[whose] = now + (now - began)
