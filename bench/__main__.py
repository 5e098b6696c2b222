"""Start bare Flask and Mintmark, run wrk against each in turn, and print medians and ratios.

The sessions are of so many people that no limit is met; each token has its row committed before
it leaves; an answer other than 200 voids the run. Only ratios of one run mean anything.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEOPLE = 200
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
TEMPLATE = """{
  "sub": "{{ user.username }}",
  "email": "{{ user.email }}",
  "given_name": "{{ user.first_name }}",
  "family_name": "{{ user.last_name }}",
  "groups": {{ user.groups }},
  "admin": {{ asset.can_edit }}
}"""
PICK_A_COOKIE = """
local cookies = {}
for line in io.lines(os.getenv("COOKIES")) do table.insert(cookies, line) end
function init(args) math.randomseed(os.time()) end
function request()
  return wrk.format("GET", os.getenv("ASSET"), {Cookie = cookies[math.random(#cookies)]})
end
"""


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("error: wrk is needed (Debian: apt-get install wrk).")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        doors = {"bare Flask": (stack.enter_context(_bare()), None)}
        for name, settings in _variants(folder):
            doors[name] = stack.enter_context(serving(folder / name.replace(" ", "-"), settings))
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in doors}
        for _ in range(arguments.rounds):
            for name, (port, cookies) in doors.items():
                results[name].append(measure(port, cookies, folder, arguments.seconds))
    _print(results)


def _variants(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    yield "SQLite FULL", {}
    yield "SQLite NORMAL", {"SQLITE_SYNCHRONOUS": "normal"}
    if url := _empty_postgresql():
        yield "PostgreSQL", {"DATABASE_URL": url}


def _empty_postgresql() -> str | None:
    import psycopg

    try:
        with psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2) as connection:
            connection.execute("DROP DATABASE IF EXISTS mintmark_bench WITH (FORCE)")
            connection.execute("CREATE DATABASE mintmark_bench")
    except psycopg.OperationalError:
        print("PostgreSQL does not answer; measured without it")
        return None
    return POSTGRESQL.rpartition("/")[0] + "/mintmark_bench"


@contextmanager
def _bare() -> Iterator[int]:
    port = _free_port()
    with _running([sys.executable, "-m", "bench.bare"], {"PORT": str(port)}, port):
        yield port


@contextmanager
def serving(
    folder: Path, settings: dict[str, str], add: Callable[[dict[str, str]], None] | None = None
) -> Iterator[tuple[int, Path]]:
    """Serve a filled site, with what `add` puts into it; yield its port and the file of its people's cookies."""
    port = _free_port()
    overrides = {"INSTANCE": str(folder), "BIND": f"127.0.0.1:{port}", "LIMIT_TOKENS": "999999 per minute", **settings}
    cookies = folder.with_suffix(".cookies")
    cookies.write_text("\n".join(_fill(overrides)))
    if add:
        add(overrides)
    environ = {"MINTMARK_" + name: value for name, value in overrides.items()}
    with _running([sys.executable, "-m", "mintmark.serve"], environ, port):
        yield port, cookies


def _fill(overrides: dict[str, str]) -> list[str]:
    """Make a site with people who are signed in and one asset; return their cookies."""
    from app import create_app
    from mintmark import groups, people, sessions
    from mintmark.assets import save
    from mintmark.assets.definition import read_definition
    from mintmark.assets.secrets import read_secret
    from mintmark.database import bring_up_to_date
    from mintmark.log import Occasion
    from mintmark.models import writing

    app, now = create_app(overrides), time.time()
    mint, cookies = app.extensions["mintmark"], []
    signer = app.session_interface.get_signing_serializer(app)
    with app.app_context():
        bring_up_to_date(mint.settings)
        with writing():
            staff = groups.make("staff", by=Occasion(now, "bench"))
            for number in range(PEOPLE):
                values = {"username": f"person{number}", "email": f"p{number}@example.test", "first_name": "Ann",
                          "last_name": f"O'Brien {number}", "groups": [staff.id]}  # fmt: skip
                person = people.make(values, by=Occasion(now, "bench"))
                session = sessions.begin(person, now=now, address=None, device="bench")
                cookies.append("mintmark=" + signer.dumps({"_user_id": session.id}))
            entered = {"path": "a", "name": "a", "template": TEMPLATE, "readers": ["staff"]}
            definition = read_definition(entered, group_ids=groups.ids_by_key(), attributes={}, keys={})
            secret = read_secret("a-secret-for-the-benchmark-0123456789", "text", algorithm="HS256")
            save.create(definition, secret, sealer=mint.settings.sealer, by=Occasion(now, "bench"))
    return cookies


@contextmanager
def _running(command: list[str], environ: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(port: int, cookies: Path | None, folder: Path, seconds: int, path: str = "/a") -> tuple[float, float]:
    """Return requests a second and the 99th percentile in milliseconds."""
    command = ["wrk", "-t1", "-c16", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}{path}"]
    environ = {**os.environ, "ASSET": path}
    if cookies:
        (folder / "pick.lua").write_text(PICK_A_COOKIE)
        command[1:1] = ["-s", str(folder / "pick.lua")]
        environ["COOKIES"] = str(cookies)
    printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"error: the run is void, not every answer was 200:\n{printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed)
    assert rate and slowest
    return float(rate[1]), float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]]


def _print(results: dict[str, list[tuple[float, float]]]) -> None:
    bare = [rate for rate, _ in results["bare Flask"]]
    print(f"{'':16}{'per second':>12}{'p99 ms':>9}   ratio to bare Flask (min, median, max of the rounds)")
    for name, rounds in results.items():
        rates = [rate for rate, _ in rounds]
        ratios = [rate / other for rate, other in zip(rates, bare, strict=True)]
        shown = f"{min(ratios):.2f}  {statistics.median(ratios):.2f}  {max(ratios):.2f}"
        print(f"{name:16}{statistics.median(rates):12.0f}{statistics.median(p99 for _, p99 in rounds):9.1f}   {shown}")


if __name__ == "__main__":
    main()
