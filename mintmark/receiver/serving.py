"""The receiver as a process: a door on this machine alone, a server without a log, and an end with its parent.

Rule: what it is set up with comes through a pipe, for arguments and environments of a process can be read by
others (`ps`). The pipe also says when to end: it closes when whoever holds the other end is gone, however it went.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server

from mintmark.receiver.pages import make_receiver
from mintmark.receiver.parties import Party, from_json, to_json

_ROOT = Path(__file__).parent.parent.parent
HOST = "127.0.0.1"
PORT = 8001
_PORTS_TRIED = 50
_NAMES = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "SSL_CERT_", "PYTHON", "VIRTUAL_ENV")


class _Handler(WSGIRequestHandler):
    """Says nothing: a line of a request may hold a token."""

    timeout = 10

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""

    def version_string(self) -> str:
        """Return what stands under Server: nothing of use to others (ASVS 5.0 §13.4.6)."""
        return "receiver"


def open_door(port: int = PORT) -> socket.socket:
    """Return a socket of this machine alone that listens on the port, or on the next that is free."""
    for each in range(port, min(port + _PORTS_TRIED, 65_536)):
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, each))
            door.listen(128)
        except OSError:
            door.close()
            continue
        return door
    raise OSError(f"no port from {port} on is free")


def address_of(door: socket.socket) -> str:
    """Return the origin at which a door is found."""
    host, port = door.getsockname()
    return f"http://{host}:{port}"


def make_server(app: Callable[..., Iterable[bytes]], door: socket.socket) -> BaseWSGIServer:
    """Return a server of the receiver behind a door, a thread for each request."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    host, port = door.getsockname()
    return make_werkzeug_server(host, port, app, threaded=True, request_handler=_Handler, fd=door.fileno())


def start(parties: Sequence[Party], site_url: str, door: socket.socket) -> subprocess.Popen[bytes]:
    """Play these relying parties in a process of its own, which ends when this one does, and its workers."""
    setup = {"site_url": site_url, "parties": [to_json(party) for party in parties]}
    process = subprocess.Popen(  # noqa: S603 — our own module.
        [sys.executable, "-m", "mintmark.receiver", "--fd", str(door.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[door.fileno()],
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if name.startswith(_NAMES)},
    )
    assert process.stdin is not None  # noqa: S101 — for the type checker: it is a pipe.
    process.stdin.write(json.dumps(setup).encode() + b"\n")
    process.stdin.flush()
    return process


def serve_until_parent_ends(door: socket.socket) -> None:
    """Read what to play from standard input, a line of JSON, and play it until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end is ours.
    setup = json.loads(sys.stdin.buffer.readline() or b"null")
    if setup is None:
        return
    parties = [from_json(members) for members in setup["parties"]]
    server = make_server(make_receiver(parties, setup["site_url"]), door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)
