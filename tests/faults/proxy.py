"""A proxy before a database, that harms connections as it is told: refuses them, holds them, cuts them at a commit.

It reads of PostgreSQL's protocol what that needs (Frontend/Backend Protocol, Message Formats): each
message is a letter, a length of four bytes that counts itself, and a body. What commits is a COMMIT, or
a statement that writes outside a transaction: a query with that text, or the use of a prepared statement
that has it. What was done is named by CommandComplete.
"""

import socket
import struct
import threading
from contextlib import suppress

_WRITES = (b"INSERT", b"UPDATE", b"DELETE")
_WANTS_ENCRYPTION = (80877103, 80877104)  # SSLRequest and GSSENCRequest.


class Proxy:
    """Passes connections on to a port of this machine; `port` is its own."""

    def __init__(self, target):
        self.target = target
        self.cut = 0  # How many connections were cut at a commit.
        self._cut_every, self._is_done_first, self._seen = 0, False, 0
        self._is_refusing, self._passes = False, threading.Event()
        self._passes.set()
        self._lock, self._open = threading.Lock(), set()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # What it is told.

    def refuse(self):
        """Cut what is open, and every new connection."""
        self._is_refusing = True
        self.drop()

    def hold(self):
        """Pass nothing on, either way, as a network that loses every packet."""
        self._passes.clear()

    def heal(self):
        """Pass everything on again; what was held arrives late, as TCP sends it again."""
        self._is_refusing = False
        self._cut_every = 0
        self._passes.set()

    def drop(self):
        """Cut every connection that is open; return how many."""
        with self._lock:
            links = list(self._open)
        for link in links:
            link.close()
        return len(links)

    def cut_at_commit(self, every, *, is_done_first):
        """Cut the connection of each n-th commit: after the database did it, or before it learns of it."""
        self._cut_every, self._is_done_first = every, is_done_first

    def close(self):
        """End."""
        self._is_refusing = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._passes.set()
        self.drop()

    # What it does.

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._is_refusing:
                _close(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            opening = _opening(client)
            self._passes.wait()
            server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except (OSError, EOFError):
            return _close(client)
        server.settimeout(None)
        link = _Link(self, client, server)
        with self._lock:
            self._open.add(link)
        try:
            server.sendall(opening)
            link.run()
        except OSError:
            pass
        finally:
            link.close()
            with self._lock:
                self._open.discard(link)

    def is_to_be_cut(self, *, is_done):
        """Tell whether this COMMIT, asked for or done, is the one."""
        if not self._cut_every or is_done != self._is_done_first:
            return False
        with self._lock:
            self._seen += 1
            is_it = self._seen % self._cut_every == 0
            self.cut += is_it
        return is_it

    def wait_until_passing(self):
        """Return when bytes may pass."""
        self._passes.wait()


class _Link:
    """One connection: two sockets, and a thread for each direction."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self._statements = {}  # Name → text of what was prepared.
        self._is_in_transaction = False

    def run(self):
        back = threading.Thread(target=self._pump, args=(self.server, self.client, self._is_commit_done), daemon=True)
        back.start()
        self._pump(self.client, self.server, self._is_commit_asked)
        back.join()

    def close(self):
        for each in (self.client, self.server):
            _close(each)

    def _pump(self, source, target, is_commit):
        """Pass whole messages on, until one of them is where the connection is to be cut."""
        rest = b""
        try:
            while chunk := source.recv(65536):
                rest += chunk
                end = 0
                while (following := _end_of_message(rest, end)) is not None:
                    if is_commit(rest[end : end + 1], rest[end + 5 : following]):
                        target.sendall(rest[:end])
                        return self.close()
                    end = following
                self.proxy.wait_until_passing()
                target.sendall(rest[:end])
                rest = rest[end:]
        except OSError:
            pass
        self.close()

    def _is_commit_asked(self, kind, body):
        if kind == b"P":
            name, text = body.split(b"\0")[:2]
            self._statements[name] = text
            return False
        text = body if kind == b"Q" else self._statements.get(body.split(b"\0")[1], b"") if kind == b"B" else b""
        return self._commits(text) and self.proxy.is_to_be_cut(is_done=False)

    def _is_commit_done(self, kind, body):
        if kind != b"C":
            return False
        is_it = self._commits(body)
        if body.startswith((b"BEGIN", b"COMMIT", b"ROLLBACK")):
            self._is_in_transaction = body.startswith(b"BEGIN")
        return is_it and self.proxy.is_to_be_cut(is_done=True)

    def _commits(self, text):
        return text.startswith(b"COMMIT") or (not self._is_in_transaction and text.startswith(_WRITES))


def _opening(client):
    """Return the first message, that has no letter; say no to encryption first, as a server without it."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code not in _WANTS_ENCRYPTION:
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _exactly(connection, length):
    got = b""
    while len(got) < length:
        chunk = connection.recv(length - len(got))
        if not chunk:
            raise EOFError
        got += chunk
    return got


def _end_of_message(data, start):
    """Return where the message that starts here ends, or None where its end did not come yet."""
    if len(data) < start + 5:
        return None
    end = start + 1 + struct.unpack_from("!i", data, start + 1)[0]
    return end if end <= len(data) else None


def _close(connection):
    """Close at once, also where another thread waits for it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
