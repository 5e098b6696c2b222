"""Standard output: a line of JSON for each thing said, by a thread of its own where the site is served.

Whoever reads it may be gone, or may not read: a pipe that is full stops whoever writes to it. Where the site is served
lines therefore wait, in bounds, for one thread of each process; what finds no place is dropped, and counted: that is
said later. Commands write at once. What libraries say by `logging`, warnings and errors of threads are such lines too.
"""

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from typing import Any

from mintmark import figures
from mintmark.moment import iso

MOST_WAITING = 2_000  # lines
_MAX_SAID = 300  # characters of a text
_MAX_LINE = 4_000  # What is longer may be torn by another process that writes to the same pipe (pipe(7), PIPE_BUF).


def say(event: str, **fields: Any) -> None:
    """Print one line for what has no row, with the moment; that stops nothing, whatever becomes of the line."""
    fields = {name: value[:_MAX_SAID] if isinstance(value, str) else value for name, value in fields.items()}
    said = {"event": event, **fields, "at": iso(time.time())}
    line = to_json(said) + "\n"
    if len(line) > _MAX_LINE:
        line = (
            to_json({name: v[:40] if isinstance(v, str) else v for name, v in said.items()} | {"is_cut": True}) + "\n"
        )
    if not lines.put(line):
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except (OSError, ValueError):
            pass


def say_bug(error: BaseException, *, request: str | None) -> None:
    """Print a line about a bug of ours: its kind and place, never its words, which may hold anything."""
    say("bug", request=request, **_kind_and_place(error))


def to_json(value: Any) -> str:
    """Return one line of ASCII: control, bidi and escape characters stand as \\u escapes (CWE-117)."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def _kind_and_place(error: BaseException) -> dict[str, str]:
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else "nowhere"
    return {"kind": type(error).__name__, "place": place}


class Lines:
    """Lines that wait for the thread of this process; without `begin` there is none, and nothing waits."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._has_begun = False
        self._thread: threading.Thread | None = None
        self._forget()

    def begin(self) -> None:
        """Let lines of this process, and of those that it forks, wait from now on."""
        self._has_begun = True
        os.register_at_fork(after_in_child=self._forget)  # The thread stays with its process, and so do its lines.

    def put(self, line: str) -> bool:
        """Take a line, or drop it where too many wait; False: there is no thread, the caller has to write."""
        if not self._has_begun:
            return False
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="output", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # No more threads at this moment.
                    self._thread = None
            if self._thread is None or len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                figures.add("log_lines_dropped")
            else:
                self._waiting.append(line)
                self._changed.notify_all()
        return True

    def drain(self, seconds: float = 1.0) -> None:
        """Return when all is written, or so many seconds later."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, seconds)

    def _forget(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._thread = None

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                line, dropped = self._waiting[0], self._dropped
            if self._write(line) and dropped:
                self._write(to_json({"event": "output.dropped", "at": iso(time.time()), "lines": dropped}) + "\n")
                with self._changed:
                    self._dropped -= dropped
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    def _write(self, line: str) -> bool:
        """Write past Python's buffer, whose lock would be held where the pipe is full; False: whoever reads is gone."""
        try:
            left = line.encode()
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            return False
        return True


class Handler(logging.Handler):
    """Says what libraries tell `logging`: its words, on one line whatever is in them; of an error kind and place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record."""
        error = record.exc_info[1] if record.exc_info else None
        about = _kind_and_place(error) if error else {"words": record.getMessage()}
        say("program.said", level=record.levelname.lower(), by=record.name, **about)


def take_over() -> None:
    """Let everything that this process says be a line of JSON: logging, warnings, and what no code has caught."""
    lines.begin()
    logging.basicConfig(handlers=[Handler()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, traceback: say_bug(error, request=None)
    sys.unraisablehook = lambda raised: say_bug(raised.exc_value or RuntimeError(), request=None)
    threading.excepthook = lambda raised: say_bug(raised.exc_value or RuntimeError(), request=None)


lines = Lines()
