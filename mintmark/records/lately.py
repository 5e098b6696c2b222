"""What the newest rows say of one asset: its failures, and who still comes by a former path.

Bounded work, however much there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from mintmark.models import LogRow, Person, db
from mintmark.records.naming import detail_of

NEWEST = 1_000  # rows of the log that are looked at.
_FAILED = "token.failed"
_FAILURES = 10
_PATHS = 50


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


def lately(asset_id: str) -> Lately:
    """Return what the newest rows of an asset say of failures and of former paths. Two statements."""
    newest = select(LogRow.id).where(LogRow.asset == asset_id).order_by(LogRow.id.desc()).limit(NEWEST).subquery()
    those = or_(LogRow.event == _FAILED, LogRow.code == "former_path")
    statement = select(LogRow).where(LogRow.id.in_(select(newest.c.id)), those).order_by(LogRow.id.desc())
    rows = [(row, detail_of(row)) for row in db.session.scalars(statement)]
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
