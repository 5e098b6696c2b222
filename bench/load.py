"""Load: what wrk asks of a service, and what it saw. An answer other than 200 voids the run."""

import http.client
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 16
TOKEN = r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+"
_SCRIPT = Path(__file__).with_name("pick_a_cookie.lua")
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Void(Exception):
    """An answer was not what it has to be, so no figure of the run counts."""


class Load(NamedTuple):
    """What wrk saw: answers, answers a second, and milliseconds that half and 99 in 100 of them took at most."""

    requests: int
    rate: float
    p50: float
    p99: float


def find_reason_not_to() -> str | None:
    """Return why nothing can be measured on this machine, or None."""
    if not shutil.which("wrk"):
        return "wrk is needed (Debian: apt-get install wrk)"
    if not Path("/proc/self/smaps_rollup").exists():
        return "Linux is needed: memory and processor time are read from /proc"
    return None


def ask_all(port: int, path: str, cookies: Path, answer: str) -> None:
    """Ask once for each person, for wrk does not look at what it gets. Raises Void."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for cookie in cookies.read_text().splitlines():
        connection.request("GET", path, headers={"Cookie": cookie})
        got = connection.getresponse()
        body = got.read().decode(errors="replace")
        if got.status != 200 or not re.search(answer, body):
            raise Void(f"{path} answered {got.status} {body[:200]!r}")
    connection.close()


def press(port: int, path: str, cookies: Path, seconds: int) -> Load:
    """Ask for so long, over 16 connections that stay open, for people picked at random. Raises Void."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", "--timeout", "10s", "-s", str(_SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{path}")
    environ = {**os.environ, "COOKIES": str(cookies)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise Void(f"wrk ended with {done.returncode}: {done.stderr}{done.stdout}")
    return read(done.stdout)


def read(printed: str) -> Load:
    """Read what wrk printed. Raises Void where an answer failed, or there was none."""
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise Void(f"not every answer was 200:\n{printed}")
    requests = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    p50, p99 = (re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)\b", printed) for percent in (50, 99))
    if not (requests and rate and p50 and p99 and int(requests[1])):
        raise Void(f"wrk saw no answer:\n{printed}")
    p50_ms, p99_ms = (float(found[1]) * _MILLISECONDS[found[2]] for found in (p50, p99))
    return Load(int(requests[1]), float(rate[1]), p50_ms, p99_ms)
