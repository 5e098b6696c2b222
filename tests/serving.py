"""A service in processes of its own, as `make run` starts it, for tests that need the real server."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.conftest import House
from tests.making import make_person

ROOT = Path(__file__).parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`python -m mintmark.serve` on a port of its own; ends with the test."""

    def __init__(self, overrides, log):
        self.host, self.port = "127.0.0.1", free_port()
        self.overrides = {"BIND": f"127.0.0.1:{self.port}", "LIMIT_TOKENS": "999999 per minute", **overrides}
        self.log = log
        self.process = None

    @property
    def settings(self):
        return {"MINTMARK_" + name: value for name, value in self.overrides.items()}

    def start(self, in_group=False, within=60, output=None, command=(), **environ):
        """Start it and return the seconds until it answered. `command` stands in front (`prlimit …`); `output`: where
        standard output goes, instead of the log.
        """
        began = time.monotonic()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, sys.executable, "-m", "mintmark.serve"],
                cwd=ROOT,
                env={**os.environ, **self.settings, **environ},
                stdout=log if output is None else output,
                stderr=log,
                start_new_session=in_group,
            )
        self.wait(within)
        return time.monotonic() - began

    def wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                return self.get("/login")
            except OSError:
                if self.process.poll() is not None:
                    raise AssertionError(self.log.read_text()) from None
                time.sleep(0.02)
        raise AssertionError("the service did not answer: " + self.log.read_text())

    def get(self, path, cookie=None, method="GET", headers=None, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            headers = {**(headers or {}), **({"Cookie": cookie} if cookie else {})}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def workers(self):
        """Return the process ids of the workers that live at this moment."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def kill(self):
        """End the main process as `kill -9` does; its workers end with it."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Tell it to stop, as a service manager does, and wait for its end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)


def start_and_read(settings, timeout=60, command=()):
    """Start a service that is to refuse, and return what it said when it ended; `command` stands in front of it."""
    return subprocess.run(
        [*command, sys.executable, "-m", "mintmark.serve"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


class _Quiet(WSGIRequestHandler):
    """Keeps connections and says nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, type, message, *args):
        pass


def threaded_server(app, port):
    """Return a server of a site in this process, for a clock that the test moves; its `serve_forever` is the caller's."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)


@contextmanager
def served(house):
    """Serve a house at the port that its BIND names, so that programs outside can ask it; yield its address."""
    host, _, port = house.mint.settings.bind.rpartition(":")
    server = threaded_server(house.app, int(port))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cookies_of(overrides, usernames):
    """Make people with live sessions and return their cookies, without the work of passwords."""
    house = House(overrides)
    house.clock.now = time.time()
    cookies = []
    for username in usernames:
        make_person(house, username)
        client = house.signed_in(username)
        cookies.append("mintmark=" + client.get_cookie("mintmark").value)
    house.close()
    return cookies


class Clients:
    """So many clients that fetch tokens without a pause, and keep what they received."""

    def __init__(self, service, path, cookies):
        self.service, self.path = service, path
        self.tokens, self.statuses, self.failures = [], {}, 0
        self.slowest = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._fetch, args=(cookie,)) for cookie in cookies]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _fetch(self, cookie):
        connection = None
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)
                connection.request("GET", self.path, headers={"Cookie": cookie})
                answer = connection.getresponse()
                self._keep(answer.status, answer.read(), time.monotonic() - began)
            except (OSError, http.client.HTTPException):
                if connection:
                    connection.close()
                connection = None
                with self._lock:
                    self.failures += 1
                time.sleep(0.01)
        if connection:
            connection.close()

    def _keep(self, status, body, seconds):
        with self._lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.slowest = max(self.slowest, seconds)
            if status == 200:
                self.tokens.append(body.decode())
            else:
                assert body == b""


def jti_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]


def setup_link(text):
    return re.search(r"/setup\?code=\w+", text)[0]


def wait_for(find, seconds=15):
    """Return what `find` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"{find} found nothing within {seconds} s"
        time.sleep(0.02)
    return found
