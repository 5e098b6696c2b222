"""Rows on their way out: what a filter leaves, oldest first, some at a time, each in a short transaction.

Rows are read by connections of their own, for an answer is read when its request is over.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, Row, func, select

from mintmark.models import LogRow, db, log_parts
from mintmark.records.filters import Filter
from mintmark.records.finding import conditions, span_of

MAX_ROWS = 100_000
_CHUNK = 1_000


def last_id() -> int:
    """Return the id of the newest row; 0 in an empty log."""
    return db.session.scalar(select(func.max(LogRow.id))) or 0


def export_rows(wanted: Filter, *, up_to: int) -> Iterator[Row[Any]]:
    """Return the wanted rows up to an id, at most MAX_ROWS of them, as they are asked for."""
    low, high = span_of(wanted)
    leading = next((name for name in log_parts.COLUMNS if getattr(wanted, name) is not None), None)
    which = [*conditions(wanted, leading=leading), LogRow.id < min(high, up_to + 1)]
    if leading is None:
        return _rows(db.engine, which, [[]], after=low - 1, at_most=MAX_ROWS)
    value = getattr(wanted, leading)
    each = [log_parts.has(leading, value, some) for some in log_parts.in_order(low, min(high, up_to + 1))]
    return _rows(db.engine, which, each, after=low - 1, at_most=MAX_ROWS)


def all_rows() -> Iterator[Row[Any]]:
    """Return every row that the log has now, however many there are, as they are asked for."""
    up_to = last_id()
    db.session.rollback()
    return _rows(db.engine, [LogRow.id <= up_to], [[]], after=0, at_most=sys.maxsize)


def _rows(engine: Engine, which: list[Any], each: list[list[Any]], *, after: int, at_most: int) -> Iterator[Row[Any]]:
    """Yield the rows of each set of conditions, one after the other."""
    left = at_most
    for some in each:
        rows: Sequence[Row[Any]] = ()
        while left > 0 and (not rows or len(rows) == _CHUNK):
            columns = select(*LogRow.__table__.columns).where(*which, *some, LogRow.id > after)
            with engine.connect() as connection:  # No transaction waits for a browser that reads slowly.
                rows = connection.execute(columns.order_by(LogRow.id).limit(_CHUNK)).all()
            if not rows:
                break
            yield from rows[:left]
            left, after = left - len(rows), rows[-1].id
