"""The recorder: commits log rows of tokens, for all waiting requests at once.

One thread per process takes every row that waits, writes them in one transaction and tells
those who wait. A commit to disk costs the same for one row as for twenty, so this is what
makes `synchronous=FULL` affordable. A token leaves only after `record` has returned. Once a
minute, while there are tokens, another thread counts them: nobody waits for that.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from mintmark.errors import NotRecorded
from mintmark.models.base import BUSY_SECONDS
from mintmark.models.wire import RowRefused, Wire

_COUNT_EVERY = 60.0  # seconds


class _Entry:
    __slots__ = ("done", "error", "is_abandoned", "row", "touched")

    def __init__(self, row: Mapping[str, Any], touched: Mapping[str, Any] | None) -> None:
        self.row, self.touched = row, touched
        self.done = threading.Event()
        self.error: Exception | None = None
        self.is_abandoned = False


class Recorder:
    """Hands rows to its thread, which starts with the first row; now and then it has them counted."""

    def __init__(self, wire: Wire, turn: AbstractContextManager[None], count: Callable[[], None]) -> None:
        self._wire, self._turn, self._count = wire, turn, count
        self._counted_at = time.monotonic()
        self._waiting: list[_Entry] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def record(self, row: Mapping[str, Any], touched: Mapping[str, Any] | None = None) -> None:
        """Return when the row is committed. Raises NotRecorded, at the latest after two seconds."""
        entry = _Entry(row, touched)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
                self._thread.start()
            self._waiting.append(entry)
            self._changed.notify()
        if not entry.done.wait(BUSY_SECONDS):
            entry.is_abandoned = True
            raise NotRecorded("The row was not committed in time.")
        if entry.error is not None:
            raise NotRecorded("The row could not be committed.") from entry.error

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
            self._commit_waiting()
            self._count_now_and_then()

    def _commit_waiting(self) -> None:
        """Take a turn first and the rows then, so that whoever came meanwhile is in the same commit."""
        entries: list[_Entry] = []
        try:
            with self._turn:
                entries = self._take()
                self._write(entries)
        except Exception as failure:  # The thread must live; those who wait get the error.
            entries = entries or self._take()
            _finish(entries, failure)
            time.sleep(0.05)  # What is broken is not asked without a pause.

    def _write(self, entries: list[_Entry]) -> None:
        """Write all at once; where a row is refused, each for itself, so that it fails nobody else's."""
        if not entries:
            return
        try:
            self._wire.write([entry.row for entry in entries], [entry.touched for entry in entries if entry.touched])
        except RowRefused as refusal:
            if len(entries) == 1:
                return _finish(entries, refusal)
            for entry in entries:
                self._write([entry])
        else:
            _finish(entries, None)

    def _count_now_and_then(self) -> None:
        if time.monotonic() - self._counted_at >= _COUNT_EVERY:
            self._counted_at = time.monotonic()
            with suppress(RuntimeError):  # No more threads at this moment: tokens go on, and are counted later.
                threading.Thread(target=self._count, name="counter", daemon=True).start()

    def _take(self) -> list[_Entry]:
        with self._changed:
            entries, self._waiting = self._waiting, []
        return [entry for entry in entries if not entry.is_abandoned]


def _finish(entries: list[_Entry], error: Exception | None) -> None:
    """Tell those who still wait; who was told already keeps what was said."""
    for entry in entries:
        if not entry.done.is_set():
            entry.error = error
            entry.done.set()
