"""Serve bare Flask, Mintmark and its peers, put each under load in turn, round by round, and say what was seen.

Each token has its row committed before it leaves, the sessions are of so many people that no limit is met, and
an answer other than 200 voids the run. Only ratios of one round mean anything. A goal that is missed is an exit of 1.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import contenders, load, report, results, storage, turns
from bench.contenders import Contender
from bench.serving import NotServing, Service

_BLOCK = "make bench"
_WARM_UP_SECONDS = 1


def main() -> None:
    """Measure, print, and with `--write` keep what was measured."""
    arguments = _read_arguments()
    if reason := load.find_reason_not_to() or (arguments.write and results.find_reason_not_to_write(_BLOCK)):
        sys.exit(f"error: {reason}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: told to stop."))  # Services end on the way out.
    wanted, skipped = _sort_out(arguments.only)
    for label, reason in skipped.items():
        print(f"without {label}: {reason}", flush=True)
    try:
        measured = _measure(wanted, arguments.rounds, arguments.seconds)
    except (load.Void, NotServing) as error:
        sys.exit(f"error: the run is void: {error}")
    found = {"machine": measured.pop("machine"), "rounds": arguments.rounds, "seconds": arguments.seconds,
             "skipped": skipped, **measured}  # fmt: skip
    print(report.block(found))
    if arguments.write:
        _write(found)
    sys.exit(any(verdict.word == "missed" for verdict in report.verdicts(found["turns"])))


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    keys = [each.key for each in contenders.ALL]
    parser.add_argument("--only", nargs="+", choices=keys, default=keys, metavar="NAME", help=", ".join(keys))
    parser.add_argument("--write", action="store_true", help="write results.json, results.svg and the README's block")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("rounds and seconds are at least 1")
    if arguments.write and arguments.only != keys:
        parser.error("--write keeps whole runs only: leave --only away")
    return arguments


def _sort_out(only: Sequence[str]) -> tuple[list[Contender], dict[str, str]]:
    """Return what is measured, bare Flask always, and label → reason of what this machine has not got."""
    asked = [each for each in contenders.ALL if each.key in only or each.key == report.BARE]
    reasons = {each.label: contenders.find_reason_not_to(each.service) for each in asked}
    skipped = {label: reason for label, reason in reasons.items() if reason}
    return [each for each in asked if each.label not in skipped], skipped


def _measure(wanted: Sequence[Contender], rounds: int, seconds: int) -> dict[str, Any]:
    """Return the machine and the turns of each contender. Raises Void and NotServing."""
    taken: dict[str, list[dict[str, Any]]] = {each.key: [] for each in wanted}
    services = list(dict.fromkeys(each.service for each in wanted))
    with tempfile.TemporaryDirectory(prefix="mintmark-bench-") as folder:
        machine = results.machine(*_storage(services, Path(folder)))
        with contenders.serving_all(services, Path(folder)) as served:
            _ask_all(wanted, served)
            for each in wanted:
                turns.take(served[each.service], each.path, _WARM_UP_SECONDS)
            for number in range(rounds):
                for each in wanted if number % 2 == 0 else reversed(wanted):  # Nobody always comes after the same.
                    taken[each.key].append(turns.take(served[each.service], each.path, seconds)._asdict())
                print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            _ask_all(wanted, served)
    return {"machine": machine, "turns": taken}


def _storage(services: Sequence[str], folder: Path) -> list[str]:
    """Return what the databases of these services write on. Raises Void."""
    found = [storage.of_sqlite(folder)] if {*services} - {"bare", "postgresql"} else []
    return [*found, storage.of_postgresql()] if "postgresql" in services else found


def _ask_all(wanted: Sequence[Contender], served: Mapping[str, Service]) -> None:
    for each in wanted:
        service = served[each.service]
        load.ask_all(service.port, each.path, service.cookies, each.answer)


def _write(found: dict[str, Any]) -> None:
    results.write(results.RESULTS, found)
    results.RESULTS.with_suffix(".svg").write_text(report.drawing(found["turns"]))
    results.README.write_text(results.put_block(results.README.read_text(), _BLOCK, report.readme_block(found)))
    text = results.FRONT_README.read_text()
    if results.has_block(text, "speed"):
        results.FRONT_README.write_text(results.put_block(text, "speed", report.short_table(found["turns"])))


if __name__ == "__main__":
    main()
