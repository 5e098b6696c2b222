"""Connections to PostgreSQL on which no request waits for ever.

A server that is frozen, or a network that swallows packets, says nothing, and `statement_timeout` is the server's own:
the client has to count. psycopg waits for its socket in one place, `Connection.wait`, and its C loop takes a time
limit, so a deadline costs two looks at the clock for each statement. What a thread may wait stands in
mintmark/models/patience.py; a thread without a limit waits as psycopg does, until TCP gives up.

One request that waited in vain is enough: from then on all others of this process fail at once, without a thread of
theirs in the queue of a dead server, until a probe, a thread that opens a connection every PROBE_SECONDS, was
answered. If the server was only slow at one statement, that is after some milliseconds.
"""

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg import OperationalError
from psycopg.abc import PQGen

from mintmark import figures
from mintmark.models.patience import of_thread

PROBE_SECONDS = 0.5
_SOON_SECONDS = 1.0  # A server that answers a probe later than that is silent still.
_FAIR_SECONDS = 1.0  # Who had less than that left to wait says nothing about the server.
_INTERVAL = 0.1  # seconds between looks at signals, psycopg's own
_R = TypeVar("_R")


class Server:
    """What one process knows of a server: how to reach it, and whether it was last found silent."""

    def __init__(self) -> None:
        self.is_silent = False
        self._lock = threading.Lock()
        self._address: tuple[Any, ...] = ()
        self._options: dict[str, Any] = {}

    def connect(self, *address: Any, **options: Any) -> "Connection":
        """Return a new connection, made within the time that this thread has. Raises OperationalError."""
        self._address, self._options = address, options
        if of_thread.left is None:
            connection = Connection.connect(*address, **options)
        else:
            self.see_answers()
            connection = self._connect_in_time(of_thread.left)
        connection.server = self
        return connection

    def see_answers(self) -> None:
        """Raise OperationalError while the server is silent."""
        if self.is_silent:
            figures.add("database_failures")
            raise OperationalError("the database did not answer a moment ago")

    def give_up(self) -> OperationalError:
        """Return the error of who waited in vain, and begin to probe."""
        figures.add("database_deadlines")
        with self._lock:
            if not self.is_silent:
                self.is_silent = True  # Before the probe begins, which may be answered at once.
                try:
                    threading.Thread(target=self._probe, name="probe", daemon=True).start()
                except RuntimeError:  # No more threads: then each finds out for itself.
                    self.is_silent = False
        return _too_late()

    def _connect_in_time(self, seconds: float) -> "Connection":
        """Connect in a thread: looking up a name has no time limit, and libpq's is two seconds for each address."""
        made: Future[Connection] = Future()
        try:
            threading.Thread(target=self._make, args=(made,), name="connect", daemon=True).start()
        except RuntimeError as error:
            raise OperationalError("there is no thread to connect in") from error
        began = monotonic()
        try:
            return made.result(max(0.0, seconds))
        except TimeoutError:
            made.add_done_callback(_close)
            raise (self.give_up() if seconds >= _FAIR_SECONDS else _too_late()) from None
        except OperationalError:
            figures.add("database_failures")
            raise
        finally:
            of_thread.left = seconds - (monotonic() - began)

    def _make(self, made: "Future[Connection]") -> None:
        try:
            made.set_result(Connection.connect(*self._address, **self._options))
        except BaseException as error:  # Whoever waits is to be told, whatever it is.
            made.set_exception(error)

    def _probe(self) -> None:
        """Open connections until one is answered, be it by a refusal, which no request would wait for."""
        while True:
            began = monotonic()
            with suppress(Exception):  # Whatever it is: a probe that dies would leave the database silent for ever.
                Connection.connect(*self._address, **self._options).close()
            if monotonic() - began < _SOON_SECONDS:
                with self._lock:
                    self.is_silent = False
                return
            time.sleep(PROBE_SECONDS)


def _too_late() -> OperationalError:
    return OperationalError("the database did not answer in time")


def _close(made: "Future[Connection]") -> None:
    if made.exception() is None:
        made.result().close()


class Connection(psycopg.Connection[Any]):
    """A connection that is closed when its thread has waited for as long as it may."""

    server = Server()

    def wait(self, gen: PQGen[_R], interval: float = _INTERVAL, timeout: float | None = None) -> _R:
        """Do as psycopg does, in time. Raises OperationalError; this connection is of no use then."""
        left = of_thread.left
        if left is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        if self.server.is_silent:
            self.pgconn.finish()
            self.server.see_answers()
        began = monotonic()
        try:
            return super().wait(gen, interval, max(0.0, left))
        except OperationalError:
            if monotonic() - began < left:
                raise
            self.pgconn.finish()  # What still comes would be taken for the answer to the next statement.
            raise (self.server.give_up() if left >= _FAIR_SECONDS else _too_late()) from None
        finally:
            of_thread.left = left - (monotonic() - began)
