"""Connections for `fetching` alone: a name resolved once, the addresses that were looked at, and a deadline.

Every error is an OSError (a TimeoutError where time was up): `fetching` says them in words of ours.
"""

import io
import socket
import ssl
import threading
import time
from collections import Counter
from typing import Any

from mintmark.outbound.targets import Target, is_global

MOST_BYTES = 384 * 1024  # Received of one answer, with the status line, the headers and the sizes of chunks.
_MOST_TRIED = 4
_resolvers = threading.BoundedSemaphore(16)  # Name servers that are silent hold so many threads at most,
_MOST_OF_ONE = 2  # and the one of a name so many of them: the others are for other names.
_asked: Counter[str] = Counter()  # Name → threads that ask for it now.
_lock = threading.Lock()


class NameUnknown(OSError):
    """A name does not resolve."""


class NameAsked(OSError):
    """A name is being asked for already, and its name server does not answer."""


class NotGlobal(OSError):
    """A name leads into a private network, be it by one address of several."""


class TooMuch(OSError):
    """More arrives than anybody asked for."""


class Deadline:
    """The moment at which everything is over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def resolve(target: Target, deadline: Deadline, *, may_be_private: bool) -> list[tuple[int, Any]]:
    """Return (family, socket address) of each address of a name. Raises OSError: one of those above."""
    found = _look_up(target, deadline)
    if not found:
        raise NameUnknown
    if not may_be_private and not all(is_global(address[0]) for _, address in found):
        raise NotGlobal
    return found


def _look_up(target: Target, deadline: Deadline) -> list[tuple[int, Any]]:
    """Ask the system's resolver. It knows no deadline: a thread asks, and is left behind when it is late."""
    found: list[tuple[int, Any]] = []
    if not target.is_name:
        return [(family, address) for family, _, _, _, address in _answers(target, socket.AI_NUMERICHOST)]

    def ask() -> None:
        try:
            found.extend((family, address) for family, _, _, _, address in _answers(target))
        except (OSError, UnicodeError):
            pass  # It does not resolve.
        finally:
            _forget(target.host)
            _resolvers.release()

    _note(target.host)
    try:
        if not _resolvers.acquire(timeout=deadline.left()):
            raise TimeoutError
    except TimeoutError:
        _forget(target.host)
        raise
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if thread.is_alive():
        raise TimeoutError
    return found


def _answers(target: Target, flags: int = 0) -> list[tuple[int, int, int, str, Any]]:
    return socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, flags=flags)  # type: ignore[return-value]


def _note(host: str) -> None:
    """Raises NameAsked."""
    with _lock:
        if _asked[host] >= _MOST_OF_ONE:
            raise NameAsked
        _asked[host] += 1


def _forget(host: str) -> None:
    with _lock:
        _asked[host] -= 1
        if not _asked[host]:
            del _asked[host]


def connect(target: Target, deadline: Deadline, *, may_be_private: bool) -> socket.socket:
    """Return a connection to the very address that was looked at (DNS rebinding). Raises OSError."""
    connection = _first_of(resolve(target, deadline, may_be_private=may_be_private)[:_MOST_TRIED], deadline)
    if not target.is_https:
        return connection
    try:
        connection.settimeout(deadline.left())
        return ssl.create_default_context().wrap_socket(connection, server_hostname=target.host)
    except BaseException:
        connection.close()
        raise


def _first_of(found: list[tuple[int, Any]], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; none may use up the time of those behind it."""
    failure = OSError()
    for number, (family, address) in enumerate(found):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left() / (len(found) - number))
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


class Line:
    """A connection as http.client uses it; whoever opened it closes it."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, data: bytes) -> None:
        """Send all of it before the deadline."""
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what the answer is read from."""
        return io.BufferedReader(_Received(self._connection, self._deadline))

    def close(self) -> None:
        """Do nothing: the answer is still to be read."""


class _Received(io.RawIOBase):
    """What arrives, until the deadline and up to a size: who sends byte by byte wins no time by it."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline
        self._amount = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left())
        amount = self._connection.recv_into(buffer)
        self._amount += amount
        if self._amount > MOST_BYTES:
            raise TooMuch
        return amount
