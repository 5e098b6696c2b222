"""Rows on their way out: what a filter leaves, oldest first, some at a time, each in a short transaction.

Rows are read by connections of their own, for an answer is read when its request is over.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, Row, func, select

from mintmark.models import LogRow, db
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
    leading = next((name for name in ("person", "asset") if getattr(wanted, name) is not None), None)
    which = conditions(wanted, leading=leading)
    if leading is not None:
        which.append(getattr(LogRow, leading) == getattr(wanted, leading))
    return _rows(db.engine, [*which, LogRow.id < high, LogRow.id <= up_to], after=low - 1)


def _rows(engine: Engine, which: list[Any], *, after: int) -> Iterator[Row[Any]]:
    left = MAX_ROWS
    while left > 0:
        columns = select(*LogRow.__table__.columns).where(*which, LogRow.id > after)
        with engine.connect() as connection:  # No transaction waits for a browser that reads slowly.
            rows = connection.execute(columns.order_by(LogRow.id).limit(_CHUNK)).all()
        yield from rows[:left]
        left -= len(rows)
        if len(rows) < _CHUNK:
            return
        after = rows[-1].id
