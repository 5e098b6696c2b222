"""The queue of those who write to SQLite, across all threads of all processes of a machine.

SQLite has one writer, and its busy handler sleeps: who asks again at the right moment wins, others starve. Here one
waits before it. Two file locks, and each dies with its process: whoever waits holds the turnstile, so that who has just
written goes behind it instead of past it. `flock(2)` knows no time limit, so a lock is asked for now and then.

Whoever else holds the database, a backup or a shell, is waited for within the same BUSY_SECONDS, counted from when the
writer came: of those who queue up behind a locked file none waits longer than the first.
"""

import fcntl
import os
import threading
import time
from pathlib import Path

from mintmark.errors import Busy
from mintmark.models import patience

BUSY_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.001  # seconds


class WriteQueue:
    """A turn for one writer among all; `with queue:` waits for it. Raises Busy."""

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(path.name + ".turnstile"), path]
        self._mine = threading.Lock()
        self._files: list[int] = []
        self._process = 0
        self._deadline: float | None = None  # of who has its turn

    def __enter__(self) -> None:
        began = time.monotonic()
        seconds = patience.left(BUSY_SECONDS)
        try:
            if not self._mine.acquire(timeout=seconds):
                raise _busy()
            try:
                self._wait(began + seconds)
            except BaseException:
                self._mine.release()
                raise
        finally:
            patience.take(time.monotonic() - began)

    def __exit__(self, *exc: object) -> None:
        self._deadline = None
        fcntl.flock(self._files[1], fcntl.LOCK_UN)
        self._mine.release()

    @property
    def rest(self) -> float:
        """Return for how many seconds the writer that has its turn may wait for SQLite itself."""
        return BUSY_SECONDS if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _wait(self, deadline: float) -> None:
        turnstile, turn = self._open()
        _lock(turnstile, deadline)
        try:
            _lock(turn, deadline)
        finally:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        self._deadline = deadline

    def _open(self) -> list[int]:
        """Return the descriptors of this process: locks that a fork inherits are its parent’s too."""
        if self._process != os.getpid():
            self._files = [os.open(path, os.O_CREAT | os.O_RDWR, 0o600) for path in self._paths]
            self._process = os.getpid()
        return self._files


def _lock(file: int, deadline: float) -> None:
    pause = _FIRST_PAUSE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _busy() from None
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _busy() -> Busy:
    return Busy("Too much is being written at this moment. Try again in a few seconds.")
