"""The queue of those who write to SQLite, across all threads of all processes of a machine.

SQLite has one writer, and its busy handler sleeps: who asks again at the right moment wins, others starve. Here one
waits before it. Two locks: whoever waits holds the turnstile, so that who has just written goes behind it instead of
past it. Each is a file lock, which dies with its process. `flock(2)` knows no time limit, so it is asked for now and
then; the workers of one service wait for each other by a semaphore beside it, which wakes who waits at once (two
processes that write by turns made 7,800 tokens a second with it and 5,000 without). It decides nothing.

Whoever else holds the database, a backup or a shell, is waited for within the same BUSY_SECONDS, counted from when the
writer came: of those who queue up behind a locked file none waits longer than the first.
"""

import fcntl
import multiprocessing
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from mintmark.errors import Busy
from mintmark.models import patience

BUSY_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.001  # seconds
_LONGEST_HINT = 0.1  # seconds that a semaphore is waited for: who held it may have died with it


class WriteQueue:
    """A turn for one writer among all; `with queue:` waits for it. Raises Busy.

    Made before a fork it is one queue with the processes forked.
    """

    def __init__(self, path: Path) -> None:
        self._turnstile, self._turn = _Lock(path.with_name(path.name + ".turnstile")), _Lock(path)
        self._mine = threading.Lock()
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
        self._turn.release()
        self._mine.release()

    @property
    def rest(self) -> float:
        """Return for how many seconds the writer that has its turn may wait for SQLite itself."""
        return BUSY_SECONDS if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _wait(self, deadline: float) -> None:
        self._turnstile.acquire(deadline)
        try:
            self._turn.acquire(deadline)
        finally:
            self._turnstile.release()
        self._deadline = deadline


class _Lock:
    """A lock on a file, for one thread of a process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file, self._process = -1, 0
        self._hint = multiprocessing.get_context("fork").BoundedSemaphore(1)

    def acquire(self, deadline: float) -> None:
        """Raises Busy at a moment of the monotonic clock."""
        self._open()
        self._hint.acquire(timeout=max(0.0, min(_LONGEST_HINT, deadline - time.monotonic())))
        pause = _FIRST_PAUSE
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self._pass_on()
                    raise _busy() from None
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._pass_on()

    def _pass_on(self) -> None:
        with suppress(ValueError):  # Whoever did not wait for it any longer has passed it on already.
            self._hint.release()

    def _open(self) -> None:
        """Open the file of this process: locks that a fork inherits are its parent’s too."""
        if self._process != os.getpid():
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            self._process = os.getpid()


def _busy() -> Busy:
    return Busy("Too much is being written at this moment. Try again in a few seconds.")
