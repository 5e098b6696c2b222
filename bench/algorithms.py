"""Tokens a second with each algorithm, in one service: an asset for each, asked in turn, round by round.

`python -m bench.algorithms`. The rows are committed with `synchronous=NORMAL`, so that signing weighs as much
as it can. Only the ratios of one run mean anything; one that misses its goal ends the run with 1.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from bench import load, site, storage
from bench.load import Load
from bench.serving import NotServing

# name → (algorithm, bits of an RSA key, at least so much of HS256)
CASES: dict[str, tuple[str, int, float]] = {
    "HS256": ("HS256", 0, 1.0),
    "ES256": ("ES256", 0, 0.6),
    "EdDSA": ("EdDSA", 0, 0.6),
    "RS256, 2048 bits": ("RS256", 2048, 0.2),
    "RS256, 3072 bits": ("RS256", 3072, 0.2),
    "PS256, 2048 bits": ("PS256", 2048, 0.2),
}


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.algorithms", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    if reason := load.find_reason_not_to():
        sys.exit(f"error: {reason}.")
    try:
        sys.exit(_print(_measure(arguments.rounds, arguments.seconds)))
    except (load.Void, NotServing) as error:
        sys.exit(f"error: the run is void: {error}")


def _measure(rounds: int, seconds: int) -> dict[str, list[Load]]:
    """Return what each case did, round by round. Raises Void and NotServing."""
    results: dict[str, list[Load]] = {name: [] for name in CASES}
    wanted = {_path(name): (algorithm, bits) for name, (algorithm, bits, _) in CASES.items()}
    with tempfile.TemporaryDirectory(prefix="mintmark-bench-") as folder:
        storage.of_sqlite(Path(folder))
        settings = {"SQLITE_SYNCHRONOUS": "normal"}
        with site.serving(Path(folder) / "site", settings, lambda given: site.add_assets(given, wanted)) as service:
            for name in CASES:  # The first requests prepare the asset in each worker.
                load.press(service.port, _path(name), service.cookies, 1)
            for _ in range(rounds):
                for name in CASES:
                    results[name].append(load.press(service.port, _path(name), service.cookies, seconds))
    return results


def _path(name: str) -> str:
    return "/" + name.lower().replace(", ", "-").replace(" ", "-")


def _print(results: dict[str, list[Load]]) -> bool:
    """Print the table; return whether a goal was missed."""
    base = [seen.rate for seen in results["HS256"]]
    print(f"{'':18}{'per second':>12}{'p99 ms':>9}   ratio to HS256 (min, median, max of the rounds)")
    is_missed = False
    for name, rounds in results.items():
        ratios = [seen.rate / other for seen, other in zip(rounds, base, strict=True)]
        shown = f"{min(ratios):.2f}  {statistics.median(ratios):.2f}  {max(ratios):.2f}"
        is_low = statistics.median(ratios) < CASES[name][2]
        is_missed |= is_low
        rate, p99 = (statistics.median(getattr(seen, field) for seen in rounds) for field in ("rate", "p99"))
        print(f"{name:18}{rate:12.0f}{p99:9.1f}   {shown}{'  below its goal' if is_low else ''}")
    return is_missed


if __name__ == "__main__":
    main()
