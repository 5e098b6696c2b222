"""A PostgreSQL of the tests' own, which may be stopped, killed and frozen without harm to anybody else's."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.conftest import skip_or_fail
from tests.serving import free_port

_PR_SET_PDEATHSIG = 1
# No power is cut here: what the kernel was given is there when the process is killed, so `fsync` would show nothing.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_connections": "80",
}


class Cluster:
    """One server with a folder and a port of its own; ends with the test, and leaves nothing behind."""

    def __init__(self):
        self.tools = _tools()
        self.folder = Path(tempfile.mkdtemp(prefix="mintmark-pg-"))
        self.port = free_port()
        self.process = None
        self._who = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
            self._who = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        command = [self.tools / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=120, **self._who)

    @property
    def url(self):
        """Return the address of its database."""
        return self.url_at(self.port)

    def url_at(self, port, database="postgres"):
        """Return the address by way of another port, as of a proxy, or of another database."""
        return f"postgresql://postgres@127.0.0.1:{port}/{database}"

    def connect(self, database="postgres", **options):
        """Connect past any proxy."""
        options = {"autocommit": True, "connect_timeout": 5, **options}
        return psycopg.connect(self.url_at(self.port, database), **options)

    def start(self, seconds=30):
        """Start, and return when it takes connections."""
        command = [self.tools / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, preexec_fn=_end_with_the_test, **self._who
            )
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.connect().close()
            except psycopg.OperationalError:
                assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self):
        """Stop as `pg_ctl stop -m immediate` does: no goodbye, and the next start recovers from the log."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=30)

    def freeze(self):
        """Stop every process of it where it stands: connections stay, and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)  # First, so that it starts no other one.
        for pid in self._children():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        """Let every process go on."""
        for pid in self._children():
            os.kill(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def restore(self):
        """Let it run, however the test before left it."""
        if self.process.poll() is not None:
            self.start()
        self.thaw()

    def end_all_connections(self):
        """End all backends but the one that says it; return how many."""
        with self.connect() as connection:
            statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            return connection.execute(statement + " AND backend_type = 'client backend'").fetchone()[0]

    def close(self):
        """End it and take its folder away."""
        if self.process and self.process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _children(self):
        with suppress(FileNotFoundError):
            return [
                int(pid)
                for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            ]
        return []


def _end_with_the_test():
    """A server does not outlive the process that started it, even where that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _tools():
    """Return the folder of the newest server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        skip_or_fail("PostgreSQL's server programs are not there (/usr/lib/postgresql/*/bin/initdb).")
    return found[-1].parent
