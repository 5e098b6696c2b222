"""The production server: `python -m mintmark.serve`, which is `make run`.

granian serves WSGI with several worker processes, and is the fastest that was found. What was seen
to go wrong with it is mended here: a worker that is killed stops the whole service; a killed
main process leaves workers on the port with old code; a second service on the same port
starts without an error; a hung worker is waited for without end.

The site is built once, before the workers are forked from this process, so that they share
its memory and start at once.

Told to stop (SIGTERM), it takes no connection any more, which a load balancer sees at once; what
was taken is answered, and after _STOP_SECONDS whatever still runs is ended.
"""

import ctypes
import fcntl
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from multiprocessing.util import Finalize
from typing import Any

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from mintmark import figures, output, paths, site
from mintmark.addresses import split_bind
from mintmark.config import Settings
from mintmark.database import bring_up_to_date
from mintmark.errors import ConfigurationError
from mintmark.instance import keep_private
from mintmark.issuers import kept_refusals
from mintmark.models import db
from mintmark.models.patience import in_time
from mintmark.web import get_mint

THREADS = 6  # For each worker; so at most that many rows of it share a commit.
_WAIT_SECONDS = 3.0  # Workers of a service that was just killed need a moment to end.
_STOP_SECONDS = 8
_PR_SET_PDEATHSIG = 1
_KEEP = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "PG", "SSL_CERT_", "PYTHON", "VIRTUAL_ENV")


def main() -> None:
    """Refuse with the reason, or serve until told to stop."""
    keep_private()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        from app import create_app

        app = create_app()
        settings: Settings = app.extensions["mintmark"].settings
        _see_no_debug(app)
        lock = lock_instance(settings)
        _see_port_is_free(settings)
        _prepare(app, settings)
        gc.freeze()  # What all workers share stays shared, and is not looked through again and again.
    except ConfigurationError as error:
        sys.exit(f"error: {error}")
    if settings.metrics_token is not None:
        figures.board.begin(settings.instance, settings.workers)
    output.take_over()
    multiprocessing.set_start_method("fork")
    _make_server(settings).serve(target_loader=_Loader(app, os.getpid()), wrap_loader=False)
    os.close(lock)


def _see_no_debug(app: Flask) -> None:
    if app.debug:
        raise ConfigurationError("Debug mode shows source and variables to everybody; take FLASK_DEBUG away.")


def lock_instance(settings: Settings) -> int:
    """Hold the instance folder for this service; its workers inherit the lock, so it ends with the last of them."""
    try:
        descriptor = os.open(settings.instance / "serving.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        words = f"The instance folder {settings.instance} cannot be written: {error.strerror}."
        raise ConfigurationError(words) from None
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                words = (
                    f"Mintmark is serving from {settings.instance} already. Stop it first, or set MINTMARK_INSTANCE."
                )
                raise ConfigurationError(words) from None
        time.sleep(0.05)


def _see_port_is_free(settings: Settings) -> None:
    """granian would share the port with whoever has it (SO_REUSEPORT), and each would get half of the requests."""
    host, port = split_bind(settings.bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
            probe.listen()
        except OSError as error:
            words = f"{settings.bind} cannot be served on: {error.strerror}. Stop what is there, or set MINTMARK_BIND."
            raise ConfigurationError(words) from None


def _prepare(app: Flask, settings: Settings) -> None:
    """Bring the database up to date, say where to go, and leave nothing open that a fork would share."""
    with app.app_context():
        bring_up_to_date(settings)
        kept_refusals.tidy(db.engine, now=get_mint().clock(), is_keeping=settings.keep_refused)
        code = site.setup_code(sealer=settings.sealer)
        print(f"Mintmark serves on {settings.site_url} from {settings.instance}")
        if settings.is_exposed:
            print("WARNING: not on https (MINTMARK_BASE_URL): others can read passwords and tokens on their way.")
        if code:
            print(f"Make the first administrator: {settings.site_url}/setup?code={code}")
        db.session.remove()
        db.engine.dispose()
        get_mint().wire.close()


class _Loader:
    """Gives a worker the site that was built before the fork, once the worker is set up to be one."""

    def __init__(self, app: Flask, parent: int) -> None:
        self._app, self._parent = app, parent

    def __call__(self) -> Any:
        os.setsid()  # Ctrl-C is for the main process, which tells its workers to end.
        _end_with(self._parent)
        for name in [name for name in os.environ if not name.startswith(_KEEP)]:
            del os.environ[name]  # granian copies what is left into each request's environ.
        Finalize(None, output.lines.drain, exitpriority=0)  # A worker runs these last; it knows no atexit.
        figures.board.join()
        return _measured(self._app)


def _measured(app: Flask) -> Any:
    """Return the site with what each request may wait and, where somebody reads that, what is counted of it."""
    base = app.extensions["mintmark"].settings.base_path + "/"
    if not figures.board.is_counting:
        return in_time(app)
    return figures.counted(in_time(app), lambda path: path.startswith(base) and paths.is_path(path[len(base) :]))


def _end_with(parent: int) -> None:
    """See that this worker does not outlive the main process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


class _Never(dict[int, float]):
    """When each worker was respawned last: never, says this.

    granian takes a worker that dies twice within 5.5 seconds for a crash loop and stops the
    whole service. A worker of ours needs nothing to start that the main process has not tried.
    """

    def get(self, key: int, default: Any = None) -> Any:
        return float("-inf")


def _make_server(settings: Settings) -> Any:
    host, port = split_bind(settings.bind)
    logger = logging.getLogger("_granian")
    logger.setLevel(logging.WARNING)
    logger.addFilter(lambda record: "Python threads" not in record.getMessage())  # That there are THREADS is meant.
    server = Server(
        "app:app",
        address=host.strip("[]"),
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=THREADS,
        blocking_threads_idle_timeout=600,  # Those that are there stay: a new one may find no memory.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": {"handlers": [], "propagate": True}}},
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=_STOP_SECONDS,
        backlog=1024,
    )
    server.respawned_wrks = _Never()
    return server


if __name__ == "__main__":
    main()
