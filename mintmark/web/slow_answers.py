"""Long answers, of which a worker gives few at once.

One that is read slowly holds a thread for as long as that takes, and tokens need the others.
"""

import threading
from collections.abc import Iterator

from flask import Response, current_app

from mintmark.errors import Busy

AT_ONCE = 2  # A third of the threads of a worker (mintmark/serve.py).
_KEY = "mintmark.slow_answers"


class Turn:
    """The right to give one long answer. Raises Busy where others have it."""

    def __init__(self) -> None:
        self._turns = current_app.extensions.setdefault(_KEY, threading.BoundedSemaphore(AT_ONCE))
        if not self._turns.acquire(blocking=False):
            raise Busy("Other exports are under way. Try again when they are done.")
        self._is_over = threading.Lock()

    def end(self) -> None:
        """Give it back; more than once does no harm."""
        if self._is_over.acquire(blocking=False):
            self._turns.release()

    def stream(self, pieces: Iterator[str], content_type: str) -> Response:
        """Return an answer that gives the turn back when all is read, or nobody reads any more.

        The pieces come when the request is over: they may ask for nothing of it.
        """
        response = Response(self._until_the_end(pieces), content_type=content_type)
        response.call_on_close(self.end)  # Also where not a single piece was asked for.
        return response

    def _until_the_end(self, pieces: Iterator[str]) -> Iterator[str]:
        try:
            yield from pieces
        finally:
            self.end()
