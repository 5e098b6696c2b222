"""What the newest rows say of one asset: its failures, and who still comes by a former path.

Bounded work, however much there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from mintmark.models import LogRow, Person, db, log_parts
from mintmark.records.naming import detail_of

NEWEST = 1_000  # rows of the log that are looked at, or a few more.
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
    """What the newest rows say. `failures` are rows of the log with their detail; `people` is id → person.

    `looked_back_to` is the moment (seconds) where looking stopped, None where all rows were looked at.
    """

    failures: list[tuple[LogRow, dict[str, Any]]]
    visits: list[Visit]
    people: dict[str, Person]
    looked_back_to: float | None = None


def lately(asset_id: str) -> Lately:
    """Return what the newest rows of an asset say of failures and of former paths. Four statements."""
    stretch = log_parts.newest("asset", asset_id, 0, log_parts.MAX_ID, enough=NEWEST)
    those = (
        *log_parts.has("asset", asset_id, stretch.parts),
        or_(LogRow.event == _FAILED, LogRow.code == "former_path"),
    )
    statement = select(LogRow).where(*those).order_by((LogRow.id + 0).desc())
    rows = [(row, detail_of(row)) for row in db.session.scalars(statement)]
    failures = [(row, detail) for row, detail in rows if row.event == _FAILED][:_FAILURES]
    visits = _visits(rows)[:_PATHS]
    known = {row.person for row, _ in failures if row.person} | {visit.person for visit in visits}
    people = {person.id: person for person in db.session.scalars(select(Person).where(Person.id.in_(known)))}
    return Lately(failures, visits, people, stretch.ends_at())


def _visits(rows: Iterable[tuple[LogRow, dict[str, Any]]]) -> list[Visit]:
    """Return who came by which former path, the last first; `rows` come newest first."""
    found: dict[tuple[str, str], Visit] = {}
    for row, detail in rows:
        path = detail.get("former_path")
        if isinstance(path, str) and row.person:
            before = found.get((path, row.person), Visit(path, row.person, row.at // 1000, 0))
            found[path, row.person] = Visit(path, row.person, before.at, before.times + 1)
    return list(found.values())
