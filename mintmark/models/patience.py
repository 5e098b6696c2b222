"""How long a request may wait for the database in all: every wait takes from what its thread has left.

Only waiting counts. What a request works out by itself or fetches from others takes nothing away, so that a page that
needs long for something else does not fail for it. Commands, imports, migrations, exports that stream, and threads
that serve no request have no limit of this kind: their statements may be long.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

REQUEST_SECONDS = 1.6  # With what a request does besides, its answer is there within two.
_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Thread(threading.local):
    left: float | None = None  # seconds; None: no limit


of_thread = _Thread()


def in_time(site: _Wsgi) -> _Wsgi:
    """Return the site so that each request has REQUEST_SECONDS."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        of_thread.left = REQUEST_SECONDS
        try:
            return site(environ, start_response)
        finally:
            of_thread.left = None

    return answer


@contextmanager
def patience(seconds: float | None) -> Iterator[None]:
    """Give what is done within so many seconds of waiting, whatever its thread had; None: no limit."""
    before, of_thread.left = of_thread.left, seconds
    try:
        yield
    finally:
        of_thread.left = before


def left(most: float) -> float:
    """Return how many seconds may be waited now, at most so many."""
    return most if of_thread.left is None else max(0.0, min(most, of_thread.left))


def spend(seconds: float) -> None:
    """Say that so many seconds were waited."""
    if of_thread.left is not None:
        of_thread.left -= seconds
