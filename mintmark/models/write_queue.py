"""The queue of those who write to SQLite, across all threads of all processes of a machine.

SQLite has one writer, and its busy handler sleeps: who asks again at the right moment wins, others starve. Here one
waits before it. Two locks: the first in line holds the turnstile, so that who has just written goes behind it instead
of past it. Each is a file lock, which dies with its process. `flock(2)` knows no time limit, so it is asked for now
and then, which leaves it free for a tenth of a millisecond at each turn. The workers of one service therefore pass
each other a baton first, a byte in a pipe, which wakes the next at once. The baton only wakes; the file lock decides.

Whoever else holds the database, a backup or a shell, is waited for within the same BUSY_SECONDS, counted from when the
writer came: of those who queue up behind a locked file none waits longer than the first.
"""

import fcntl
import os
import select
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path

from mintmark.errors import Busy
from mintmark.models import patience

BUSY_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.001  # seconds
_LONGEST_SLEEP = 0.1  # seconds in which only the baton wakes: who had it may have died with it


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
            patience.spend(time.monotonic() - began)

    def __exit__(self, *exc: object) -> None:
        self._deadline = None
        try:
            self._turn.release()
        finally:
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
        self._baton = _Baton()

    def acquire(self, deadline: float) -> None:
        """Raises Busy at the deadline, a moment of time.monotonic."""
        self._open()
        has_baton = self._baton.take(min(_LONGEST_SLEEP, deadline - time.monotonic()))
        pause = _FIRST_PAUSE
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    if has_baton:
                        self._baton.pass_on()
                    raise _busy() from None
            if has_baton:
                time.sleep(pause)
            else:
                has_baton = self._baton.take(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._baton.pass_on()

    def _open(self) -> None:
        """Open the file of this process: locks that a fork inherits are its parent’s too."""
        if self._process != os.getpid():
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            self._process = os.getpid()


class _Baton:
    """A byte in a pipe of a process and of all that are forked from it. There may be none, or too many, for a while.

    None, because it died with who had it; too many, because who came without one passes one on: who takes it takes all.
    """

    def __init__(self) -> None:
        self._from, self._to = os.pipe()
        for end in (self._from, self._to):
            os.set_blocking(end, False)
            weakref.finalize(self, os.close, end)
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)
        self.pass_on()

    def take(self, seconds: float) -> bool:
        """Wait for it, and tell whether it was there."""
        if self._read():
            return True
        self._poll.poll(max(0.0, seconds * 1000))
        return self._read()

    def pass_on(self) -> None:
        with suppress(BlockingIOError):  # A pipe that is full has enough.
            os.write(self._to, b".")

    def _read(self) -> bool:
        try:
            return bool(os.read(self._from, 64))
        except BlockingIOError:
            return False


def _busy() -> Busy:
    return Busy("Too much is being written at this moment. Try again in a few seconds.")
