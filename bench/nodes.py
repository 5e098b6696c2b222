"""Two nodes over one PostgreSQL against one: what a token costs each process, and how far that scales.

`python -m bench.nodes`. On the cores of one machine two nodes cannot make more tokens than one, so that is
computed from processor time. A node with W cores of its own makes W / n tokens a second, where n is the seconds
that a token costs it. Two make 2 W / n₂, where n₂ is that cost with the other one at work: their scaling is 2 n₁ / n₂,
as long as what they share, PostgreSQL, has cores to spare. A token costs it d₂ seconds, so D cores are full at
D / d₂ tokens a second: the first wall, which (D / d₂) / (W / n₂) nodes reach. What waits without a processor is not in
this: for locks, for connections, for the network, for the database's disk. Two nodes that wait for each other make
fewer tokens on the same cores than one, and that is seen: such a run is void.
"""

import argparse
import base64
import secrets
import signal
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import load, postgresql, processes, results, site, storage
from bench.serving import NotServing, Service

RESULTS = results.RESULTS.with_name("nodes.json")
BLOCK = "make bench: nodes"
GOAL = 1.8
_LEAST_TOGETHER = 0.8  # of the rate of one, by two on the same cores
_WARM_UP_SECONDS = 1


def main() -> None:
    """Measure, print, and with `--write` keep what was measured; exit 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="write nodes.json and the README's block")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("rounds and seconds are at least 1")
    reason = load.find_reason_not_to() or postgresql.find_reason_not_to()
    if reason := reason or (arguments.write and results.find_reason_not_to_write(BLOCK)):
        sys.exit(f"error: {reason}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: told to stop."))  # Services end on the way out.
    try:
        found = _measure(arguments.rounds, arguments.seconds)
        see_that_they_do_not_wait(found)
    except (load.Void, NotServing) as error:
        sys.exit(f"error: the run is void: {error}")
    print(block(found))
    if arguments.write:
        results.write(RESULTS, found)
        results.README.write_text(results.put_block(results.README.read_text(), BLOCK, block(found)))
    sys.exit(scaling(found) < GOAL)


def _measure(rounds: int, seconds: int) -> dict[str, Any]:
    """Return the machine, and for each round the costs with one node at work and with two. Raises Void, NotServing."""
    machine = results.machine(storage.of_postgresql())
    found: dict[str, Any] = {"machine": machine, "rounds": rounds, "seconds": seconds, "one": [], "two": []}
    with tempfile.TemporaryDirectory(prefix="mintmark-bench-") as name, ExitStack() as stack:
        folder, url = Path(name), stack.enter_context(postgresql.database())
        sealing_key = "bench:" + base64.b64encode(secrets.token_bytes(32)).decode()
        settings = {"DATABASE_URL": url, "SEALING_KEY": sealing_key}
        first = stack.enter_context(site.serving(folder / "first", settings))
        second = stack.enter_context(site.another_node(folder / "second", settings, first))
        for node in (first, second):
            load.ask_all(node.port, site.PATH, node.cookies, load.TOKEN)
        _press([first, second], _WARM_UP_SECONDS)
        for number in range(rounds):
            found["one"].append(_press([(first, second)[number % 2]], seconds))
            found["two"].append(_press([first, second], seconds))
    return found


def _press(nodes: Sequence[Service], seconds: int) -> dict[str, float]:
    """Put all nodes under load at once; return tokens a second of all, and seconds of processor time a token."""
    of_database = postgresql.processes_for(nodes[0].database_url or "")
    if of_database is None:
        raise NotServing("PostgreSQL is not on this machine, so its processor time cannot be seen")
    own = [pid for node in nodes for pid in processes.tree(node.pid)]
    before = processes.cpu_seconds(own), processes.cpu_seconds(of_database)
    with ThreadPoolExecutor(len(nodes)) as pool:
        seen = list(pool.map(lambda node: load.press(node.port, site.PATH, node.cookies, seconds), nodes))
    tokens = sum(each.requests for each in seen)
    node, database = processes.cpu_seconds(own) - before[0], processes.cpu_seconds(of_database) - before[1]
    return {"rate": sum(each.rate for each in seen), "node": node / tokens, "postgresql": database / tokens}


def see_that_they_do_not_wait(found: Mapping[str, Any]) -> None:
    """Raises Void where two nodes make clearly fewer tokens than one on the same cores: they wait for something."""
    if (ratio := together(found)) < _LEAST_TOGETHER:
        raise load.Void(
            f"two nodes made {ratio:.2f} times the tokens of one on the same cores (at least {_LEAST_TOGETHER}), so "
            "they wait for something, and processor time does not tell how they scale"
        )


def together(found: Mapping[str, Any]) -> float:
    """Return how many times as many tokens two nodes made as one on the same cores: the median of the rounds."""
    pairs = zip(found["one"], found["two"], strict=True)
    return float(statistics.median(two["rate"] / one["rate"] for one, two in pairs))


def scaling(found: Mapping[str, Any]) -> float:
    """Return how many times as many tokens two nodes would make by processor time alone: the median of the rounds."""
    pairs = zip(found["one"], found["two"], strict=True)
    return float(statistics.median(2 * one["node"] / two["node"] for one, two in pairs))


def wall(found: Mapping[str, Any]) -> float:
    """Return how many nodes fill a PostgreSQL that has as many cores as each of them."""
    return float(statistics.median(two["node"] / two["postgresql"] for two in found["two"]))


def block(found: Mapping[str, Any]) -> str:
    """Return what is printed and stands in bench/README.md."""
    lines = ["| | tokens a second, all on these cores | node µs a token | PostgreSQL µs a token |", "|---|---|---|---|"]
    for name, words in (("one", "one node"), ("two", "two nodes")):
        rate, node, database = (
            statistics.median(turn[field] for turn in found[name]) for field in ("rate", "node", "postgresql")
        )
        lines.append(f"| {words} | {rate:,.0f} | {node * 1e6:.0f} | {database * 1e6:.0f} |")
    verdict = "holds" if scaling(found) >= GOAL else "missed"
    words = (
        f"By processor time alone two nodes would make {scaling(found):.2f} times the tokens of one (goal: at least "
        f"{GOAL}; {verdict}), where PostgreSQL has the cores for it. Two "
        f"nodes keep {2 / wall(found):.1f} of one node's cores busy there; with as many cores as a node has, "
        f"PostgreSQL is full at {wall(found):.1f} nodes, and is the first wall. Waiting (locks, "
        f"connections, network, disk) is not in it; on the same cores two made {together(found):.2f} times the tokens "
        f"of one (at least {_LEAST_TOGETHER}, or the run is void)."
    )
    return "\n\n".join([results.in_words(found), "\n".join(lines), words])


if __name__ == "__main__":
    main()
