"""Rows of one person, asset or key id: found by parts of the log, newest first.

The indexes of the log over who, what and by which key are made of parts: PART ids, so that what a new row adds
stands where the last ones were added, in few pages that are in memory (models/log.py). An index over all ids alike
would cost each token two pages of its own, read and written. Whoever looks for rows therefore asks part by part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, literal_column, select, text

from mintmark.models.base import db
from mintmark.models.log import PART, PART_OF_ID, LogRow

COLUMNS = ("person", "asset", "kid")
MOST = 1_000  # parts with rows that are looked at in one statement
MAX_ID = 2**63 - 1
_part = literal_column(PART_OF_ID, Integer)  # Word for word as in the indexes.
# From a part to the next one below that has rows, so that a gap in the ids costs nothing; `seen` and `taken` are of the
# parts before it. The last row is none of those taken: where it stopped, or NULL where there is none.
_DOWN = """
WITH RECURSIVE walk (part, seen, taken) AS (
  SELECT (SELECT MAX(id) FROM log WHERE id >= :low AND id < :high) / {part}, CAST(0 AS BIGINT), 0
  UNION ALL
  SELECT (SELECT MAX(id) FROM log WHERE id >= :low AND id < walk.part * {part}) / {part},
         walk.seen + (SELECT COUNT(*) FROM log WHERE {part_of_id} = walk.part
           AND log.{column} = :value AND log.id + 0 >= :low AND log.id + 0 < :high), walk.taken + 1
    FROM walk WHERE walk.part IS NOT NULL AND walk.seen < :enough AND walk.taken < :most
)
SELECT part FROM walk ORDER BY taken DESC
"""
_UP = """
WITH RECURSIVE walk (part, taken) AS (
  SELECT (SELECT MIN(id) FROM log WHERE id >= :low AND id < :high) / {part}, 1
  UNION ALL
  SELECT (SELECT MIN(id) FROM log WHERE id >= (walk.part + 1) * {part} AND id < :high) / {part}, walk.taken + 1
    FROM walk WHERE walk.part IS NOT NULL AND walk.taken < :most
)
SELECT part FROM walk WHERE part IS NOT NULL ORDER BY taken
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The parts that hold the newest of some rows, oldest first.

    `end` is the first id of the oldest part, where looking stopped; None where there is nothing further back.
    """

    parts: list[int]
    end: int | None

    def ends_at(self) -> float | None:
        """Return the moment (seconds) of the oldest row that was looked at, None where all were."""
        if self.end is None:
            return None
        at = db.session.scalar(select(LogRow.at).where(LogRow.id >= self.end).order_by(LogRow.id).limit(1))
        return (at or 0) / 1000


def newest(name: str, value: str, low: int, high: int, *, enough: int) -> Stretch:
    """Return the parts that hold the newest rows with a value in a column of COLUMNS, between two ids.

    So many rows as are enough or a few more (up to PART), all there are, or those in MOST parts. One statement.
    """
    statement = text(_DOWN.format(part=PART, part_of_id=PART_OF_ID, column=name))
    given = {"value": value, "low": max(low, 0), "high": high, "enough": enough, "most": MOST}
    stopped_at, *parts = db.session.scalars(statement, given)
    return Stretch(parts, None if stopped_at is None else parts[0] * PART)


def has(name: str, value: str, parts: list[int]) -> list[ColumnElement[bool]]:
    """Ask for the rows of some parts that have a value."""
    return [_part.in_(parts), getattr(LogRow, name) == value]


def in_order(low: int, high: int) -> Iterator[list[int]]:
    """Yield all parts that have rows between two ids, oldest first, at most MOST at a time."""
    statement = text(_UP.format(part=PART))
    while parts := list(db.session.scalars(statement, {"low": max(low, 0), "high": high, "most": MOST})):
        yield parts
        low = (parts[-1] + 1) * PART
