"""The report of growth: ratios to the small site within each round, the pages, and the goals they are held to."""

from collections.abc import Mapping
from typing import Any

from bench import results
from bench.lists import LIMIT_MS
from bench.report import median, ratios

LEAST_RATE, MOST_P99 = 0.8, 2.0
_SMALL = "small"
_LABELS = {
    "small": "100 people, 100 assets",
    "grown": "grown, 400 assets in use",
    "spread": "grown, all assets in use",
}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_Found = Mapping[str, Any]


def block(found: _Found) -> str:
    """Return all of it as Markdown."""
    failed = missed(found)
    sessions = f"{found['sessions']:,} sessions of the grown site, of as many people; 200 of the small one."
    verdict = f"Missed: {'; '.join(failed)}." if failed else "All goals hold."
    return "\n\n".join([results.in_words(found), _tokens(found), sessions, _pages(found), verdict])


def missed(found: _Found) -> list[str]:
    """Return the goals that were missed, in words: those of the grown site, and of each page."""
    words = []
    for database, measured in found["databases"].items():
        rate = ratios(measured["turns"], "grown", _SMALL)[1]
        p99 = ratios(measured["turns"], "grown", _SMALL, "p99")[1]
        name = _DATABASES[database]
        words += [f"{name}, {rate:.2f} × the tokens (≥ {LEAST_RATE})"] if rate < LEAST_RATE else []
        words += [f"{name}, {p99:.2f} × the p99 (≤ {MOST_P99:g})"] if p99 > MOST_P99 else []
        words += [
            f"{name}, {page['name']} {page['median']:.0f} ms (≤ {LIMIT_MS})"
            for page in measured["pages"]
            if page["median"] > LIMIT_MS
        ]
    return words


def _tokens(found: _Found) -> str:
    lines = [
        "| | tokens a second | ratio (min, median, max) | p50 ms | p99 ms | ratio of p99 | CPU µs | of PostgreSQL µs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for database, measured in found["databases"].items():
        turns = measured["turns"]
        for key, label in _LABELS.items():
            rate, p50, p99, cpu, shared = (
                median(turns, key, field) for field in ("rate", "p50", "p99", "cpu_us", "postgresql_us")
            )
            ratio = "  ".join(f"{each:.2f}" for each in ratios(turns, key, _SMALL))
            slower = f"{ratios(turns, key, _SMALL, 'p99')[1]:.2f}"
            is_first = key == _SMALL
            cells = [f"{_DATABASES[database]}, {label}", f"{rate:,.0f}", "1" if is_first else ratio, f"{p50:.1f}",
                     f"{p99:.1f}", "1" if is_first else slower, f"{cpu:.0f}",
                     "" if shared is None else f"{shared:.0f}"]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _pages(found: _Found) -> str:
    """Return a line for each page: milliseconds and statements on each database."""
    measured = {name: {page["name"]: page for page in each["pages"]} for name, each in found["databases"].items()}
    heads = " | ".join(f"{_DATABASES[name]} ms | statements" for name in measured)
    lines = [f"| page | {heads} |", "|---" * (1 + 2 * len(measured)) + "|"]
    for page in next(iter(measured.values()), {}):
        cells = [f"{each[page]['median']:.1f} | {each[page]['statements']}" for each in measured.values()]
        lines.append(f"| {page} | {' | '.join(cells)} |")
    return "\n".join(lines)
