"""Work out docs/scale.md anew: `python -m docs.scale` reads *Measured* and *Assumed* there, and writes *Worked out*.

So a figure that was measured again is put in one place, and what follows from it follows. The tests hold the
text to this module.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("scale.md")
BEGIN, END = "<!-- worked out by docs/scale.py -->", "<!-- end -->"
DAY = 86_400


def read(text: str) -> dict[str, float]:
    """Return the figures of the tables, by their names: lines of the form | `name` | 1,234 unit | … |."""
    found = re.findall(r"^\| `([a-z_]+)` \| ([0-9][0-9,.]*)", text, re.MULTILINE)
    return {name: float(figure.replace(",", "")) for name, figure in found}


def work_out(given: dict[str, float]) -> Iterator[tuple[str, str, str]]:
    """Yield what follows: (what, how, figure)."""
    tokens, people, used = given["tokens"], given["people"], given["used"] / 100
    active = people * given["active"] / 100
    a_day = active * given["each"]
    mean = a_day / DAY
    peak = tokens / mean
    node_cores, database_cores = (tokens * given[each] / 1e6 / used for each in ("node_cpu", "database_cpu"))
    yield "tokens a second of one core of a node", "1 s / `node_cpu`", _whole(1e6 / given["node_cpu"])
    yield "tokens a second of one core of PostgreSQL", "1 s / `database_cpu`", _whole(1e6 / given["database_cpu"])
    yield "tokens a day", "`people` × `active` × `each`", f"{a_day / 1e6:,.0f} million"
    yield "tokens a second, mean; the peak is so many times that", "/ 86,400 s", f"{mean:,.0f}; {peak:.1f}"
    yield "cores of nodes", "`tokens` × `node_cpu` / `used`", _whole(node_cores)
    yield "nodes of 8 cores, and one more that may fail", "/ 8", _whole(math.ceil(node_cores / 8) + 1)
    yield "cores of PostgreSQL", "`tokens` × `database_cpu` / `used`", _whole(database_cores)
    yield "WAL at the peak", "`tokens` × `wal`", f"{tokens * given['wal'] / 1e6:.1f} MB a second"
    yield "WAL of a day", "tokens a day × `wal`", _size(a_day * given["wal"])
    yield "log of a day", "tokens a day × `row`", _size(a_day * given["row"])
    yield "log that is kept", "× `kept`", _size(a_day * given["row"] * given["kept"])
    yield "people", "`people` × `person`", _size(people * given["person"])
    sessions = active * (given["sessions_kept"] + 1)
    yield "sessions", "`people` × `active` × (`sessions_kept` + 1) × `session`", _size(sessions * given["session"])
    sign_ins = active / DAY * peak
    yield "sign-ins a second at the peak", "`people` × `active`, one a day each, with the same peak", _whole(sign_ins)
    for name, how in (("password", "by password"), ("foreign", "by a token of a trusted issuer")):
        cores = sign_ins * given[name] / 1e3 / used
        yield f"cores of nodes for them, all {how}", f"× `{name}` / `used`", _whole(cores)
    archived = a_day / given["archived"] / 3600
    yield "hours to archive a day’s rows one by one", "tokens a day / `archived`", f"{archived:.1f}"
    most = given["archived"] * DAY / 1e6
    yield "tokens a day that can be archived one by one, at most", "`archived` × 86,400 s", f"{most:,.0f} million"


def write_anew(text: str) -> str:
    """Return the page with its table worked out anew."""
    head, _, rest = text.partition(BEGIN)
    lines = [f"| {what} | {how} | {figure} |" for what, how, figure in work_out(read(text))]
    table = "\n".join([BEGIN, "", "| | | |", "|---|---|---|", *lines, "", END])
    return head + table + rest.partition(END)[2]


def _whole(figure: float) -> str:
    return f"{figure:,.0f}"


def _size(amount: float) -> str:
    return f"{amount / 1e12:,.1f} TB" if amount >= 1e12 else f"{amount / 1e9:,.0f} GB"


if __name__ == "__main__":
    PAGE.write_text(write_anew(PAGE.read_text()))
