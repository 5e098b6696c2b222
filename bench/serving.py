"""Services: programs with a port of their own, started, waited for, and ended with all their processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from mintmark.serve import THREADS

ROOT = Path(__file__).parent.parent
PEOPLE = 200  # So many that no limit is met.
WORKERS = 2
_START_SECONDS = 30
_STOP_SECONDS = 20


class NotServing(Exception):
    """A program did not do what it was started for; the words say which, with the end of what it printed."""


@dataclass(frozen=True)
class Service:
    """A program that serves: its port, its main process, its people's cookies, and its PostgreSQL database."""

    port: int
    pid: int
    cookies: Path
    database_url: str | None = None


def granian(target: str, port: int) -> list[str]:
    """Return what serves a WSGI application as Mintmark is served: its server, its workers, its threads."""
    options = {"host": "127.0.0.1", "port": port, "interface": "wsgi", "http": "1", "log-level": "warning",
               "workers": WORKERS, "blocking-threads": THREADS, "backlog": 1024}  # fmt: skip
    return [sys.executable, "-m", "granian", *(f"--{name}={value}" for name, value in options.items()), target]


def run(command: Sequence[str], environ: Mapping[str, str], *, cwd: Path = ROOT) -> None:
    """Run what fills a database, to its end. Raises NotServing."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise NotServing(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], *, port: int, printed: Path, cwd: Path = ROOT
) -> Iterator[int]:
    """Yield the id of a program's process once its port answers; what it prints goes to a file. Raises NotServing."""
    with printed.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environ}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _await(process, port, printed)
        yield process.pid
    finally:
        _end(process)


def _await(process: subprocess.Popen[bytes], port: int, printed: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            return socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.05)
    tail = printed.read_text(errors="replace")[-2000:]
    raise NotServing(f"what was started does not answer on port {port}:\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it as its own signal does, then whatever it left behind."""
    family = processes.tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_STOP_SECONDS)
    for pid in family:
        if (
            process.poll() is None or pid != process.pid
        ):  # The number of a process that was waited for may be another's.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
