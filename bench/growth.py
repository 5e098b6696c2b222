"""What growth costs: tokens of a site of a million people against those of a small one, and the list pages.

`python -m bench.growth`, which is `make bench-growth`, takes turns between the small site, the grown one with a few
hundred assets in use, and the grown one with all of them: more than a process keeps prepared, so that most are read
and compiled anew. Only ratios of one round mean anything. The grown sites are kept for the next run.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench import grown_site, growth_report, lists, load, postgresql, results, storage, turns
from bench.grown_site import DATABASES, FOLDER
from bench.serving import NotServing, Service

RESULTS = results.ROOT / "bench" / "growth.json"
BLOCK = "make bench-growth"
IN_USE = 400  # assets, fewer than a process keeps prepared
WARM_SECONDS = 5  # and so long again while it still becomes faster
_MOST_WARM_UPS = 6
_ANY_PATH = "/"  # Each line of a file of cookies has its own.


def main() -> None:
    """Measure, print, and with `--write` keep what was measured; exit 1 where a goal is missed."""
    given = _arguments()
    if reason := load.find_reason_not_to() or (given.write and results.find_reason_not_to_write(BLOCK)):
        sys.exit(f"error: {reason}.")
    wanted = [database for database in DATABASES if given.database in (database, "both")]
    try:
        found = _measure(wanted, given)
    except (load.Void, NotServing) as error:
        sys.exit(f"error: the run is void: {error}")
    block = growth_report.block(found)
    print(block)
    if given.write:
        results.write(RESULTS, found)
        results.README.write_text(results.put_block(results.README.read_text(), BLOCK, block))
    sys.exit(bool(growth_report.missed(found)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--page-rounds", type=int, default=7)
    parser.add_argument("--share", type=float, default=1.0, help="of the full size")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the grown sites are kept")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--write", action="store_true", help="write growth.json and the README's block")
    given = parser.parse_args()
    if min(given.rounds, given.seconds, given.sessions, given.page_rounds) < 1:
        parser.error("rounds, seconds and sessions are at least 1")
    if not 0.01 <= given.share <= 1:
        parser.error("--share is from 0.01, under which some pages have nothing to show, to 1")
    return given


def _measure(wanted: list[str], given: argparse.Namespace) -> dict[str, Any]:
    """Return the machine, and the turns and pages of each database. Raises Void and NotServing."""
    machine = results.machine(*(_storage(database, given.folder) for database in wanted))
    found: dict[str, Any] = {"machine": machine, "rounds": given.rounds, "seconds": given.seconds,
                             "sessions": given.sessions, "share": given.share, "databases": {}}  # fmt: skip
    for database in wanted:
        site = grown_site.ready(database, given.folder, given.share)
        measured = _take_turns(site, database, given)
        pages = [page._asdict() for page in lists.measure(site, given.page_rounds)]
        found["databases"][database] = {"turns": measured, "pages": pages}
    return found


def _storage(database: str, folder: Path) -> str:
    """Return what a database's sites, the grown and the small one, write on. Raises Void."""
    if database == "postgresql":
        if reason := postgresql.find_reason_not_to():
            sys.exit(f"error: {reason}.")
        return storage.of_postgresql()
    storage.of_sqlite(Path(tempfile.gettempdir()))
    return storage.of_sqlite(folder)


def _take_turns(
    site: grown_site.GrownSite, database: str, given: argparse.Namespace
) -> dict[str, list[dict[str, Any]]]:
    """Return the turns of each contender, after one that warms it up. Raises load.Void."""
    with _serving_all(site, database, given.sessions) as services:
        for name, service in services.items():
            _warm_up(service, is_to_settle=name != "spread")
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in services}
        for number in range(given.rounds):
            for name, service in services.items():
                turn = turns.take(service, _ANY_PATH, given.seconds)
                found[name].append(turn._asdict())
                words = f"{database}, round {number + 1}, {name}: {turn.rate:,.0f} a second, {turn.cpu_us:.0f} µs each"
                print(words, file=sys.stderr, flush=True)
    return found


def _warm_up(service: Service, *, is_to_settle: bool) -> None:
    """Put a service under load until each process has prepared the assets that are in use. Raises load.Void."""
    before = 0.0
    for _ in range(_MOST_WARM_UPS if is_to_settle else 1):
        rate = turns.take(service, _ANY_PATH, WARM_SECONDS).rate
        if rate < before * 1.1:
            break
        before = rate


@contextmanager
def _serving_all(site: grown_site.GrownSite, database: str, sessions: int) -> Iterator[dict[str, Service]]:
    """Serve the small site and the grown one, each contender with a service of its own: nobody warms up another's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = postgresql.database() if database == "postgresql" else nullcontext(None)
        little = grown_site.small(folder / "site", stack.enter_context(made))
        file = grown_site.sign_in(little, 200, little.assets, folder / "small.cookies")
        services = {"small": stack.enter_context(grown_site.serving(little, file))}
        for name, assets in (("grown", site.assets[:IN_USE]), ("spread", site.assets)):
            file = grown_site.sign_in(site, sessions, assets, folder / f"{name}.cookies")
            services[name] = stack.enter_context(grown_site.serving(site.from_folder(folder / name), file))
        yield services


if __name__ == "__main__":
    main()
