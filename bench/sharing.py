"""What processes that share a database cost each other: tokens made one after another in one process, and in two.

`python -m bench.sharing`. There is no server, no load generator and no second thread: what a token costs here beyond
`bench.steps` is the disk and the other process, and what it costs in `make bench` beyond this is serving it.
"""

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import load, postgresql, results, site, storage
from bench.steps import environ_of
from mintmark.models import db
from mintmark.models.patience import in_time

BLOCK = "bench.sharing"
_WARM_UPS = 3  # tokens of each person
_fork = multiprocessing.get_context("fork")


class Seen(NamedTuple):
    """What one process did: tokens, and of each of them seconds of processor time, of that in the kernel, and waits."""

    tokens: int
    seconds: float
    in_kernel: float
    waits: float


def main() -> None:
    """Print what one process and two make of each kind of commit; with `--write` keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.sharing", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=4, help="of each try")
    parser.add_argument("--rounds", type=int, default=3, help="tries, of which the median counts")
    parser.add_argument("--write", action="store_true", help="write the README's block")
    given = parser.parse_args()
    if min(given.seconds, given.rounds) < 1:
        parser.error("seconds and rounds are at least 1")
    if reason := given.write and results.find_reason_not_to_write(BLOCK):
        sys.exit(f"error: {reason}.")
    with tempfile.TemporaryDirectory(prefix="mintmark-bench-") as name:
        try:
            block = _block(Path(name), given)
        except load.Void as error:
            sys.exit(f"error: the run is void: {error}")
    print(block)
    if given.write:
        results.README.write_text(results.put_block(results.README.read_text(), BLOCK, block))


def _block(folder: Path, given: argparse.Namespace) -> str:
    machine = results.machine(storage.of_sqlite(folder))
    lines = [
        "| | processes | tokens a second | CPU µs | of it in the kernel | waits | busy |",
        "|---|---|---|---|---|---|---|",
    ]
    for words, settings in _kinds(folder):
        cookies = site.fill(settings)
        tries = [(n, _all(settings, cookies, n, given.seconds)) for _ in range(given.rounds) for n in (1, 2)]
        for processes in (1, 2):
            rates = sorted((sum(each.tokens for each in seen), seen) for n, seen in tries if n == processes)
            tokens, seen = rates[len(rates) // 2]
            spent = sum(each.tokens * each.seconds for each in seen)
            kernel = sum(each.tokens * each.in_kernel for each in seen)
            waits = sum(each.tokens * each.waits for each in seen)
            lines.append(
                f"| {words} | {processes} | {tokens / given.seconds:,.0f} | {spent / tokens * 1e6:.0f} "
                f"| {kernel / tokens * 1e6:.0f} | {waits / tokens:.1f} | {spent / given.seconds / processes:.0%} |"
            )
    how = f"{results.of_machine(machine)}; median of {given.rounds} tries of {given.seconds} s:"
    return "\n\n".join([how, "\n".join(lines)])


def _kinds(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield words and settings of a site for each way to commit."""
    for name in ("NORMAL", "FULL"):
        yield f"SQLite {name}", {**_at(folder / name), "SQLITE_SYNCHRONOUS": name.lower()}
    if postgresql.find_reason_not_to() is None:
        with postgresql.database() as url:
            yield "PostgreSQL", {**_at(folder / "PostgreSQL"), "DATABASE_URL": url}


def _at(instance: Path) -> dict[str, str]:
    instance.mkdir(mode=0o700)
    return {"INSTANCE": str(instance), "LIMIT_TOKENS": "999999 per minute"}


def _all(settings: Mapping[str, str], cookies: list[str], processes: int, seconds: int) -> list[Seen]:
    """Make tokens in so many processes at once, of a site made before they are forked, as the service does."""
    from app import create_app

    app = create_app(settings)
    with app.app_context():
        db.engine.dispose()
    told: Any = _fork.SimpleQueue()
    work = (app, [environ_of(cookie) for cookie in cookies], seconds, _fork.Barrier(processes), told)
    children = [_fork.Process(target=_mint_on, args=work) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        raise load.Void("a process that made tokens failed")
    return [told.get() for _ in children]


def _mint_on(app: Any, environs: list[dict[str, Any]], seconds: int, barrier: Any, told: Any) -> None:
    answer = in_time(app)
    anybody = random.Random(0)
    for environ in environs * _WARM_UPS:
        _mint(answer, environ)
    barrier.wait(timeout=60)
    before, ends = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() + seconds
    tokens = 0
    while time.monotonic() < ends:
        _mint(answer, anybody.choice(environs))
        tokens += 1
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    told.put(Seen(tokens, (user + kernel) / tokens, kernel / tokens, (after.ru_nvcsw - before.ru_nvcsw) / tokens))


def _mint(answer: Any, environ: Mapping[str, Any]) -> None:
    seen: list[str] = []
    b"".join(answer(dict(environ), lambda status, _headers: seen.append(status)))
    if seen != ["200 OK"]:
        raise load.Void(f"a token was answered by {seen}")


if __name__ == "__main__":
    main()
