"""Clients in a process of their own, that use the site while a fault happens and keep what they were answered.

`Load` starts `python -m tests.faults.load`, which ends when its `with` block does. There are three kinds of
clients, each a thread that does one thing after the other on a connection that it keeps:

- fetchers get tokens, each as a person of its own, from the given paths in turn;
- writers make groups, named by a running number, through the form of an administrator;
- arrivals sign in with a token of a trusted issuer, and post each token twice.

Every answer is a line of a file (`Answer`), written before the client goes on. Moments are those of
`time.monotonic()`, which all processes of a machine share and no change of the clock moves.
"""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import asdict, dataclass
from pathlib import Path

import jwt

from tests.faults.scale import SCALE

HANG_SECONDS = 20.0  # An answer that takes longer is none; the client gives up.
# Seconds between two requests of a client; in `make faults` the clients want all that two processors have.
PAUSE = 0.05 if SCALE >= 1 else 0.25
_ROOT = Path(__file__).parents[2]
# Statuses of requests without an answer: the connection ended; nothing came; nobody listened.
BROKEN, HANG, REFUSED = 0, -1, -2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got. `token` where one was given; `name` of the group or the jti that was sent."""

    kind: str  # fetch | write | arrive
    who: int
    began: float
    seconds: float
    status: int
    length: int = 0
    token: str | None = None
    name: str | None = None

    @property
    def ended(self):
        """Return the moment of the answer."""
        return self.began + self.seconds


class Load:
    """Clients on a site; `with Load(site, file) as load:` and then `load.answers()`, also after the block.

    `pause`: seconds between two requests of one client. `writers`, `arrivals`: how many of these.
    """

    def __init__(self, site, file, *, clients=50, writers=1, arrivals=1, paths=("/a", "/key"), pause=PAUSE):
        self.file = file
        self.asked = {"fetch": clients, "write": writers, "arrive": arrivals}
        self._plan = {
            "ports": site.ports,
            "file": str(file),
            "paths": paths,
            "pause": pause,
            "cookies": site.cookies[:clients],
            "writers": [site.administrator] * writers,
            "issuer": site.issuer,
            "arrivals": arrivals,
        }
        self._answers, self._read, self._reading, self._process = [], 0, threading.Lock(), None

    def __enter__(self):
        self.file.touch()
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.load"], stdin=subprocess.PIPE, text=True, cwd=_ROOT
        )
        self._process.stdin.write(json.dumps(self._plan) + "\n")
        self._process.stdin.flush()
        try:
            self.wait_for_tokens(1)
        except AssertionError:
            self._end()
            raise
        return self

    def __exit__(self, *exc):
        self.ended = time.monotonic()
        status = self._end()
        if exc[0] is None:
            assert status == 0, f"the clients ended with {status}"

    def _end(self):
        """Tell the clients to stop; return the status that their process ended with."""
        self._process.stdin.close()  # This is how they are told.
        try:
            return self._process.wait(timeout=HANG_SECONDS + 20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:  # pytest shows it where the test fails.
            print(f"{self.file.name}:", *(f"{kind} {self.statuses(kind)}" for kind in self.asked))

    def answers(self, kind=None):
        """Return what came up to now, in the order in which it came; any thread may ask."""
        with self._reading, self.file.open() as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith("\n"):
                    break
                self._read += len(line)
                self._answers.append(Answer(**json.loads(line)))
        return [answer for answer in self._answers if kind in (None, answer.kind)]

    def tokens(self):
        """Return the answers that held a token."""
        return [answer for answer in self.answers("fetch") if answer.token is not None]

    def wait_for_tokens(self, number, since=0.0, within=60.0):
        """Wait until so many tokens were asked for after a moment, and given; return the seconds from it to the last."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = [answer.ended for answer in self.tokens() if answer.began >= since]
            if len(found) >= number:
                return sorted(found)[number - 1] - (since or self.began)
            time.sleep(0.05)
        raise AssertionError(f"no {number} tokens within {within} s: {self.statuses()}")

    def statuses(self, kind=None):
        """Count the answers by status."""
        counts = {}
        for answer in self.answers(kind):
            counts[answer.status] = counts.get(answer.status, 0) + 1
        return dict(sorted(counts.items()))


class _Client(threading.Thread):
    """One client: asks, keeps the answer, pauses, until told to stop."""

    def __init__(self, kind, who, plan, keep, stopped):
        super().__init__(name=f"{kind}-{who}", daemon=True)
        self.kind, self.who, self.plan, self.keep, self.stopped = kind, who, plan, keep, stopped
        self.connection, self.number = None, 0
        self.port = plan["ports"][who % len(plan["ports"])]

    def run(self):
        while not self.stopped.is_set():
            getattr(self, self.kind)()
            self.number += 1
            self.stopped.wait(self.plan["pause"])

    def fetch(self):
        path = self.plan["paths"][(self.who + self.number) % len(self.plan["paths"])]
        self._ask("GET", path, headers={"Cookie": self.plan["cookies"][self.who]})

    def write(self):
        name, (cookie, csrf_token) = f"group-{self.who}-{self.number}", self.plan["writers"][self.who]
        body = urllib.parse.urlencode({"name": name, "csrf_token": csrf_token})
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self._ask("POST", "/admin/groups", body=body, headers=headers, name=name)

    def arrive(self):
        issuer, now, jti = self.plan["issuer"], int(time.time()), f"arrival-{self.who}-{self.number}"
        token = jwt.encode({**issuer["claims"], "iat": now, "exp": now + 240, "jti": jti}, issuer["key"])
        for _ in range(2):
            body, headers = json.dumps({"token": token}), {"Content-Type": "application/json"}
            self._ask("POST", "/auth/jwt", body=body, headers=headers, name=jti)

    def _ask(self, method, path, *, name=None, **request):
        began, status, body = time.monotonic(), BROKEN, b""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_SECONDS)
            self.connection.request(method, path, **request)
            answer = self.connection.getresponse()
            status, body = answer.status, answer.read()
        except TimeoutError:
            status = HANG
        except ConnectionRefusedError:
            status = REFUSED
        except (OSError, http.client.HTTPException):
            status = BROKEN
        seconds = time.monotonic() - began
        is_token = self.kind == "fetch" and status == 200
        token = body.decode() if is_token else None
        self.keep(Answer(self.kind, self.who, began, seconds, status, len(body), token, name))
        if status in (BROKEN, HANG, REFUSED):
            self.connection.close()
            self.connection = None
            self.stopped.wait(0.05)


def main():
    """Read the plan from standard input, and go on until that is closed; return how many clients died meanwhile."""
    plan, stopped, lock, died = json.loads(sys.stdin.readline()), threading.Event(), threading.Lock(), []

    def note(failure):
        died.append(failure.thread)
        threading.__excepthook__(failure)

    threading.excepthook = note
    with open(plan["file"], "a", buffering=1) as file:

        def keep(answer):
            line = json.dumps(asdict(answer)) + "\n"
            with lock:
                file.write(line)

        numbers = {"fetch": len(plan["cookies"]), "write": len(plan["writers"]), "arrive": plan["arrivals"]}
        clients = [_Client(kind, who, plan, keep, stopped) for kind in numbers for who in range(numbers[kind])]
        for client in clients:
            client.start()
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
        stopped.set()
        for client in clients:
            client.join()
    return len(died)


if __name__ == "__main__":
    sys.exit(min(main(), 100))
