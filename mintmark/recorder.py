"""The recorder: commits log rows of tokens, for all waiting requests at once.

A flush to disk costs about the same for six rows as for one, which is what makes `synchronous=FULL` affordable. A token
leaves only after `record` has returned. Once a minute, while there are tokens, a thread counts them: nobody waits for
that.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from mintmark.errors import NotRecorded
from mintmark.models.together import Place, Together
from mintmark.models.wire import RowRefused, Wire

_COUNT_EVERY = 60.0  # seconds
_Entry = tuple[Mapping[str, Any], Mapping[str, Any] | None]  # A row, and what was used.


class Recorder:
    """Takes rows from any number of threads; now and then it has them counted."""

    def __init__(self, wire: Wire, turn: AbstractContextManager[None], count: Callable[[], None]) -> None:
        self._wire, self._turn, self._count = wire, turn, count
        self._counted_at = time.monotonic()
        self._together: Together[_Entry, None] = Together(self._commit)

    @property
    def expecting(self) -> AbstractContextManager[None]:
        """Tell by `with recorder.expecting:` that a row is on its way: who has one already waits a moment for it."""
        return self._together

    def record(self, row: Mapping[str, Any], touched: Mapping[str, Any] | None = None) -> None:
        """Return when the row is committed. Raises NotRecorded, about two seconds later at the latest."""
        try:
            self._together.ask((row, touched))
        except Exception as error:
            raise NotRecorded("The row could not be committed.") from error
        self._count_now_and_then()

    def _commit(self, take: Callable[[], list[Place[_Entry, None]]]) -> None:
        """Wait for a turn first and take the rows then, so that whoever came meanwhile is in the same commit."""
        with self._turn:
            self._write(take())

    def _write(self, places: list[Place[_Entry, None]]) -> None:
        """Write all at once; where a row is refused, each for itself, so that it fails nobody else's."""
        entries = [place.asked for place in places]
        try:
            self._wire.write([row for row, _ in entries], [touched for _, touched in entries if touched])
        except RowRefused as refusal:
            if len(places) == 1:
                return places[0].settle(error=refusal)
            for place in places:
                self._write([place])
        else:
            for place in places:
                place.settle()

    def _count_now_and_then(self) -> None:
        if time.monotonic() - self._counted_at >= _COUNT_EVERY:
            self._counted_at = time.monotonic()
            with suppress(RuntimeError):  # No more threads at this moment: tokens go on, and are counted later.
                threading.Thread(target=self._count, name="counter", daemon=True).start()
