"""Tokens a second with each algorithm, in one service: an asset for each, asked in turn, round by round.

`python -m bench.algorithms`. The rows are committed with `synchronous=NORMAL`, so that signing weighs as much
as it can. Only the ratios of one run mean anything; one that misses its goal ends the run with 1.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.__main__ import TEMPLATE, measure, serving

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
    if not shutil.which("wrk"):
        sys.exit("error: wrk is needed (Debian: apt-get install wrk).")
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        site = serving(Path(folder) / "site", {"SQLITE_SYNCHRONOUS": "normal"}, _add_assets)
        with site as (port, cookies):
            for name in CASES:  # The first requests prepare the asset in each worker.
                measure(port, cookies, Path(folder), 1, _path(name))
            for _ in range(arguments.rounds):
                for name in CASES:
                    results[name].append(measure(port, cookies, Path(folder), arguments.seconds, _path(name)))
    sys.exit(_print(results))


def _path(name: str) -> str:
    return "/" + name.lower().replace(", ", "-").replace(" ", "-")


def _add_assets(overrides: dict[str, str]) -> None:
    """Make an asset for each case, which differ by what they sign with only."""
    from app import create_app
    from mintmark import groups, keypairs
    from mintmark.assets import save
    from mintmark.assets.definition import read_definition
    from mintmark.assets.secrets import read_secret
    from mintmark.keys import making, rings
    from mintmark.log import Occasion
    from mintmark.models import writing

    app = create_app(overrides)
    sealer, by = app.extensions["mintmark"].settings.sealer, Occasion(time.time(), "bench")
    with app.app_context(), writing():
        for name, (algorithm, bits, _) in CASES.items():
            entered = {"path": _path(name), "name": name, "template": TEMPLATE, "readers": ["staff"]}
            secret = None
            if algorithm == "HS256":
                secret = read_secret("a-secret-for-the-benchmark-0123456789", "text", algorithm=algorithm)
            else:
                pair = keypairs.generate(algorithm, bits=bits or keypairs.USUAL_RSA_BITS)
                entered["signing_key"] = making.make(pair, None, sealer=sealer, by=by).key_id
            keys = rings.choices()
            definition = read_definition(entered, group_ids=groups.ids_by_key(), attributes={}, keys=keys)
            save.create(definition, secret, sealer=sealer, by=by)


def _print(results: dict[str, list[tuple[float, float]]]) -> bool:
    """Print the table; return whether a goal was missed."""
    base = [rate for rate, _ in results["HS256"]]
    print(f"{'':18}{'per second':>12}{'p99 ms':>9}   ratio to HS256 (min, median, max of the rounds)")
    is_missed = False
    for name, rounds in results.items():
        ratios = [rate / other for (rate, _), other in zip(rounds, base, strict=True)]
        shown = f"{min(ratios):.2f}  {statistics.median(ratios):.2f}  {max(ratios):.2f}"
        is_low = statistics.median(ratios) < CASES[name][2]
        is_missed |= is_low
        rate, p99 = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{name:18}{rate:12.0f}{p99:9.1f}   {shown}{'  below its goal' if is_low else ''}")
    return is_missed


if __name__ == "__main__":
    main()
