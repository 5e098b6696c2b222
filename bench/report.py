"""The report: medians of the rounds, ratios within each round, and the goals they are held to.

All of it is computed from the turns that a run wrote down (bench/results.json), so what is printed,
drawn and put into a README cannot differ from them. Only ratios of one round compare services.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench import picture, results
from bench.contenders import ALL

BARE = "bare"
Turns = Mapping[str, Sequence[Mapping[str, Any]]]
_OWN = ("full", "eddsa", "normal", "postgresql")
_TITLE = "Tokens a second, as a share of what bare Flask answers"
_LABELS = {each.key: each.label for each in ALL}


class Goal(NamedTuple):
    """What a figure has to reach: `must` has to hold, `wanted` is what we want; at most so much where `is_ceiling`."""

    words: str
    field: str
    of: str
    against: str | None
    must: float
    wanted: float | None
    is_ceiling: bool = False


class Verdict(NamedTuple):
    """A goal, the figure it is held to, and whether that is `as wanted`, `holds` or is `missed`."""

    goal: Goal
    figure: float
    word: str


GOALS = [
    Goal("SQLite FULL against bare Flask", "rate", "full", BARE, 0.4, 0.6),
    Goal("SQLite NORMAL against bare Flask", "rate", "normal", BARE, 0.6, 0.9),
    Goal("PostgreSQL against bare Flask", "rate", "postgresql", BARE, 0.3, 0.4),
    Goal("SQLite FULL against Django", "rate", "full", "django", 8, 10),
    Goal("SQLite FULL, EdDSA, against better-auth", "rate", "eddsa", "better-auth", 10, 12),
    Goal("SQLite FULL against Flask-JWT-Extended", "rate", "full", "jwt-extended", 3, 4),
    Goal("EdDSA against HS256", "rate", "eddsa", "full", 0.6, None),
    Goal("p99 of SQLite FULL against bare Flask", "p99", "full", BARE, 2.5, None, True),
    Goal("p99 of SQLite NORMAL against bare Flask", "p99", "normal", BARE, 2.5, None, True),
    Goal("p99 of PostgreSQL against bare Flask", "p99", "postgresql", BARE, 2.5, None, True),
    Goal("MiB of SQLite FULL", "memory", "full", None, 190, 150, True),
    Goal("MiB of SQLite NORMAL", "memory", "normal", None, 190, 150, True),
    Goal("MiB of PostgreSQL", "memory", "postgresql", None, 190, 150, True),
]


def median(turns: Turns, key: str, field: str) -> float | None:
    """Return the median of the rounds, or None where nothing was seen."""
    values = [turn[field] for turn in turns[key] if turn[field] is not None]
    return statistics.median(values) if values else None


def ratios(turns: Turns, key: str, against: str, field: str = "rate") -> tuple[float, float, float]:
    """Return the lowest, the median and the highest of the ratios within each round."""
    pairs = zip(turns[key], turns[against], strict=True)
    each = [one[field] / other[field] for one, other in pairs]
    return min(each), statistics.median(each), max(each)


def verdicts(turns: Turns) -> list[Verdict]:
    """Hold each goal to what was measured; those without figures are left out."""
    found = []
    for goal in GOALS:
        if goal.of not in turns or (goal.against is not None and goal.against not in turns):
            continue
        if goal.against is None:
            figure = statistics.median(turn[goal.field] for turn in turns[goal.of])
        else:
            figure = ratios(turns, goal.of, goal.against, goal.field)[1]
        found.append(Verdict(goal, figure, _judge(goal, figure)))
    return found


def _judge(goal: Goal, figure: float) -> str:
    sign = -1 if goal.is_ceiling else 1
    if sign * figure < sign * goal.must:
        return "missed"
    return "holds" if goal.wanted is None or sign * figure < sign * goal.wanted else "as wanted"


def figures_table(turns: Turns) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| | tokens a second | p50 ms | p99 ms | ratio to bare Flask (min, median, max)"
        " | MiB | CPU µs | of PostgreSQL |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in turns:
        rate, p50, p99, memory, cpu, shared = (median(turns, key, field) for field in turns[key][0])
        ratio = "  ".join(f"{each:.2f}" for each in ratios(turns, key, BARE))
        cells = [_LABELS[key], f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", "1" if key == BARE else ratio,
                 f"{memory:.0f}", f"{cpu:.0f}", "" if shared is None else f"{shared:.0f}"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def goals_table(turns: Turns) -> str:
    """Return the goals, and whether each holds, as a Markdown table."""
    lines = ["| goal | must | wanted | measured | |", "|---|---|---|---|---|"]
    for goal, figure, word in verdicts(turns):
        sign = "≤" if goal.is_ceiling else "≥"
        unit = "" if goal.against is None else " ×"
        wanted = "" if goal.wanted is None else f"{sign} {goal.wanted:g}{unit}"
        shown = f"{figure:.0f}" if goal.against is None else f"{figure:.2f}{unit}"
        lines.append(f"| {goal.words} | {sign} {goal.must:g}{unit} | {wanted} | {shown} | {word} |")
    return "\n".join(lines)


def short_table(turns: Turns) -> str:
    """Return what the front README shows: each contender's share of bare Flask and its tokens a second."""
    lines = ["| | share of bare Flask | tokens a second |", "|---|---|---|"]
    for key in turns:
        lines.append(f"| {_LABELS[key]} | {ratios(turns, key, BARE)[1]:.2f} | {median(turns, key, 'rate'):,.0f} |")
    return "\n".join(lines)


def readme_block(found: Mapping[str, Any]) -> str:
    """Return what stands in bench/README.md: all that the run printed, and its picture."""
    return f"{block(found)}\n\n![{_TITLE}](results.svg)"


def block(found: Mapping[str, Any]) -> str:
    """Return what a run prints: when and where, figures, goals, what was left out."""
    left_out = [f"Without {label}: {reason}." for label, reason in found["skipped"].items()]
    turns = found["turns"]
    goals = [goals_table(turns)] if verdicts(turns) else []
    return "\n\n".join([results.in_words(found), figures_table(turns), *goals, *left_out])


def drawing(turns: Turns) -> str:
    """Return the picture of each contender's ratio to bare Flask."""
    bars = [picture.Bar(_LABELS[key], *ratios(turns, key, BARE), is_own=key in _OWN) for key in turns if key != BARE]
    return picture.draw(bars, _TITLE)
