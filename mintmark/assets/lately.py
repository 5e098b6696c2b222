"""What was asked of one asset lately: tokens by the day, failures, and who still comes by a former path.

Days come from the counts, the rest from the newest rows that the log has of the asset: bounded work,
however much there is.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from mintmark.models import LogRow, Person, TokenCount, db

DAY = 86_400
DAYS = 30
NEWEST = 1_000  # rows of the log that are looked at.
_FAILED = "token.failed"
_FAILURES = 10
_PATHS = 50


@dataclass(slots=True)
class Day:
    """How many tokens were asked for on one day (UTC), by outcome."""

    at: int
    done: int = 0
    refused: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """Return how often it was asked."""
        return self.done + self.refused + self.failed


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who came by a former path: when last (seconds), and how often among the newest rows."""

    path: str
    person: str
    at: int
    times: int


@dataclass(frozen=True, slots=True)
class Lately:
    """What the newest rows say. `failures` are rows of the log with their detail; `names` is id → person."""

    failures: list[tuple[LogRow, dict[str, Any]]]
    visits: list[Visit]
    people: dict[str, Person]


def days(asset_id: str, *, now: float) -> list[Day]:
    """Return the last DAYS days, the oldest first, today last."""
    today = int(now) // DAY * DAY
    found = {at: Day(at) for at in range(today - (DAYS - 1) * DAY, today + 1, DAY)}
    statement = select(TokenCount.at, TokenCount.outcome, TokenCount.amount)
    statement = statement.where(TokenCount.asset == asset_id, TokenCount.at >= today - (DAYS - 1) * DAY)
    for at, outcome, amount in db.session.execute(statement):
        if at in found and outcome in ("done", "refused", "failed"):
            setattr(found[at], outcome, getattr(found[at], outcome) + amount)
    return list(found.values())


def lately(asset_id: str) -> Lately:
    """Return what the newest rows of an asset say of failures and of former paths. Two statements."""
    newest = select(LogRow.id).where(LogRow.asset == asset_id).order_by(LogRow.id.desc()).limit(NEWEST).subquery()
    those = or_(LogRow.event == _FAILED, LogRow.code == "former_path")
    statement = select(LogRow).where(LogRow.id.in_(select(newest.c.id)), those).order_by(LogRow.id.desc())
    rows = [(row, json.loads(row.detail) if row.detail else {}) for row in db.session.scalars(statement)]
    failures = [(row, detail) for row, detail in rows if row.event == _FAILED][:_FAILURES]
    visits = _visits(rows)[:_PATHS]
    known = {row.person for row, _ in failures if row.person} | {visit.person for visit in visits}
    people = {person.id: person for person in db.session.scalars(select(Person).where(Person.id.in_(known)))}
    return Lately(failures, visits, people)


def _visits(rows: Iterable[tuple[LogRow, dict[str, Any]]]) -> list[Visit]:
    """Return who came by which former path, the last first; `rows` come newest first."""
    found: dict[tuple[str, str], Visit] = {}
    for row, detail in rows:
        path = detail.get("former_path")
        if isinstance(path, str) and row.person:
            before = found.get((path, row.person), Visit(path, row.person, row.at // 1000, 0))
            found[path, row.person] = Visit(path, row.person, before.at, before.times + 1)
    return list(found.values())
