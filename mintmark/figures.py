"""Figures of one node: what its workers count, in memory that they share, and what a monitor reads of it.

The memory is made before the workers are forked, and each writes in a slot of its own, so that counting takes no lock
between processes; whichever worker is asked adds the slots up. A worker that takes the place of a dead one goes on in
its slot, so no figure falls before the whole service is started anew. Where nothing was begun, nothing is counted.

prometheus_client's own way for several processes costs four to eight times as much for each request, and leaves files
behind of each worker that dies (bench/README.md).
"""

import fcntl
import mmap
import os
import tempfile
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any

DOORS = ("token", "page")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)  # seconds
# name → meaning of what is counted without more ado.
COUNTED = {
    "database_failures": "Connections that the database refused, or that nobody tried while it was silent",
    "database_deadlines": "Waits for the database that ran out of time",
    "log_lines_dropped": "Lines for standard output that nobody took in time",
}
_REQUESTS = 0
_SECONDS = _REQUESTS + len(DOORS) * len(CLASSES)
_SUMS = _SECONDS + len(DOORS) * (len(BOUNDS) + 1)
_OTHERS = _SUMS + len(DOORS)
_AT_WORK = _OTHERS + len(COUNTED)  # The only one that falls: a new worker sets it to 0.
_CELLS = _AT_WORK + 1
# Where each door has its classes (from a status // 100 on), bounds and sum.
_PLACES = [(_REQUESTS + door * len(CLASSES) - 1, _SECONDS + door * (len(BOUNDS) + 1), _SUMS + door) for door in (0, 1)]
_PLACE_OF = {name: _OTHERS + number for number, name in enumerate(COUNTED)}
_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True)
class Totals:
    """What all workers have counted since the service began."""

    requests: dict[tuple[str, str], float]  # (door, class) → how many
    seconds: dict[str, tuple[list[tuple[str, float]], float]]  # door → how many took at most so long, and the sum
    counted: dict[str, float]
    at_work: float  # requests at this moment


class Board:
    """The shared memory, and the slot of this process."""

    def __init__(self) -> None:
        self._file = -1
        self._slots = 0
        self._all: Any = None  # a memoryview of doubles
        self._mine: Any = None
        self._lock = threading.Lock()  # Of the threads of one process.

    def begin(self, folder: Path, workers: int) -> None:
        """Make room for so many workers, before they are forked; the file, which has no name, says who has which."""
        self._slots = workers + 1
        size = self._slots * _CELLS * 8
        with tempfile.TemporaryFile(dir=folder) as file:
            self._file = os.dup(file.fileno())
        os.truncate(self._file, size)
        self._all = memoryview(mmap.mmap(self._file, size)).cast("d")

    def join(self) -> None:
        """Take a slot that no living process has: the lock on its byte ends with whoever holds it (fcntl(2))."""
        if self._all is None:
            return
        self._lock = threading.Lock()
        for number in range(self._slots):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue
            self._mine = self._all[number * _CELLS : (number + 1) * _CELLS]
            self._mine[_AT_WORK] = 0.0
            return

    @property
    def is_counting(self) -> bool:
        """Tell whether this process counts."""
        return self._mine is not None

    def add(self, name: str, amount: int = 1) -> None:
        """Count something of COUNTED."""
        if self._mine is not None:
            with self._lock:
                self._mine[_PLACE_OF[name]] += amount

    def come(self) -> None:
        """Count a request that begins."""
        if self._mine is not None:
            with self._lock:
                self._mine[_AT_WORK] += 1

    def go(self, door: int, status: int, seconds: float) -> None:
        """Count its answer; `door` as in DOORS, `status` 100 to 599."""
        if self._mine is None:
            return
        mine, (requests, bounds, sums) = self._mine, _PLACES[door]
        bound = bounds + bisect_left(BOUNDS, seconds)
        with self._lock:
            mine[_AT_WORK] -= 1.0
            mine[requests + status // 100] += 1.0
            mine[bound] += 1.0
            mine[sums] += seconds

    def read(self) -> Totals | None:
        """Return the figures of all workers; None: nothing was begun."""
        if self._all is None:
            return None
        cells = [sum(self._all[place::_CELLS]) for place in range(_CELLS)]
        requests, seconds = {}, {}
        for door, (first, bounds, sums) in zip(DOORS, _PLACES, strict=True):
            for place, name in enumerate(CLASSES, first + 1):
                requests[door, name] = cells[place]
            amounts = accumulate(cells[bounds : bounds + len(BOUNDS) + 1])
            seconds[door] = list(zip([*map(str, BOUNDS), "+Inf"], amounts, strict=True)), cells[sums]
        counted = {name: cells[place] for name, place in _PLACE_OF.items()}
        return Totals(requests, seconds, counted, cells[_AT_WORK])


board = Board()
add = board.add


def counted(site: _Wsgi, is_token: Callable[[str], bool]) -> _Wsgi:
    """Return the site so that each request is counted; `is_token` tells by its path which door it takes."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        began, status = perf_counter(), 500

        def start(line: str, *arguments: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, *arguments)

        board.come()
        try:
            return site(environ, start)
        finally:
            door = 0 if is_token(environ.get("PATH_INFO", "")) else 1
            board.go(door, status, perf_counter() - began)

    return answer
