"""Counts of tokens: rolled up from the log, each row exactly once, away from the hot path.

`site.counted_log_id` is the last row that was counted. A step takes the rows behind it, adds them
to the hours of the whole site and the days of each asset, and moves the mark from where it was
found, all in one transaction: of any number of processes that step at once, one does.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from mintmark import log
from mintmark.errors import Busy
from mintmark.models import LogRow, Site, TokenCount
from mintmark.models.base import writing_to
from mintmark.models.counts import WHOLE_SITE

HOUR, DAY = 3600, 86400
KEPT_SECONDS = int(timedelta(days=400).total_seconds())
STEP = 5_000  # rows of the log at once: who writes meanwhile waits for that.
_COUNTED = ("token.issued", "token.refused", "token.failed")
_SETTLED_SECONDS = 15
_PAUSE_SECONDS = 0.05


def is_counted(event: Any) -> ColumnElement[bool]:
    """Ask whether rows of an event are counted."""
    return event.in_(_COUNTED)  # type: ignore[no-any-return]


def catch_up(engine: Engine, *, now: float, most: int | None = None) -> bool:
    """Count what came since the last time, at most STEP rows, or `most`; tell whether there is more. Raises Busy.

    Commits by itself, as the recorder does, for a step is whole or nothing and belongs to no request.
    """
    with engine.connect() as connection:
        counted, last, is_full = _next_step(connection, now, most or STEP)
    if last is None:
        return False
    with writing_to(engine) as connection:
        mark = update(Site).where(Site.id == 1, Site.counted_log_id == counted).values(counted_log_id=last)
        if not connection.execute(mark).rowcount:
            return is_full  # Another one was quicker.
        _add(connection, counted, last, HOUR, is_by_asset=False)
        _add(connection, counted, last, DAY, is_by_asset=True)
        _drop_old(connection, now)
    return is_full


def keep_up(engine: Engine, clock: Callable[[], float]) -> None:
    """Count all there is, in a thread of its own. What fails is said, and tried again the next time."""
    try:
        while catch_up(engine, now=clock()):
            time.sleep(_PAUSE_SECONDS)  # Tokens come first.
    except Exception as failure:
        log.say("counts.failed", kind=type(failure).__name__, is_busy=isinstance(failure, Busy))


def _next_step(connection: Connection, now: float, most: int) -> tuple[int, int | None, bool]:
    """Return the mark, the last row of the next step (None: nothing to count yet), and whether more may follow.

    SQLite has one writer, so ids come in the order of commits. On PostgreSQL a row may appear behind a later
    one; therefore a step ends there with a token that was asked for long before anybody now writes.
    """
    counted = connection.scalar(select(Site.counted_log_id).where(Site.id == 1))
    assert counted is not None  # noqa: S101 — for the type checker: there is a site.
    rows = select(LogRow.id, LogRow.at, LogRow.event).where(LogRow.id > counted).order_by(LogRow.id).limit(most)
    step = rows.subquery()
    if connection.dialect.name == "sqlite":
        last, amount = connection.execute(select(func.max(step.c.id), func.count()).select_from(step)).one()
        return counted, last, amount == most
    age = _seconds_of_oldest_writer(connection)
    settled = (now - max(_SETTLED_SECONDS, age + 5)) * 1000
    token = func.max(step.c.id).filter(is_counted(step.c.event), step.c.at <= settled)
    last, end, amount = connection.execute(select(token, func.max(step.c.id), func.count()).select_from(step)).one()
    if last is None and amount == most and not age:
        last = end  # So many other rows, as an import leaves, and nobody writes.
    return counted, last, amount == most and last is not None


def _seconds_of_oldest_writer(connection: Connection) -> float:
    """Return since when the oldest transaction that writes is open, by the database's own clock; 0 without one."""
    statement = text(
        "SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(xact_start)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return float(connection.scalar(statement) or 0)


def _add(connection: Connection, counted: int, last: int, seconds: int, *, is_by_asset: bool) -> None:
    """Add the rows of a step to the counts of their hour or day."""
    asset = LogRow.asset if is_by_asset else text(f"'{WHOLE_SITE}'")
    at = LogRow.at // (seconds * 1000) * seconds
    which = [LogRow.id > counted, LogRow.id <= last, is_counted(LogRow.event), LogRow.asset.is_not(None)]
    rows = select(asset, at, LogRow.outcome, func.count()).where(*which).group_by(text("1, 2, 3"))
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(TokenCount).from_select(["asset", "at", "outcome", "amount"], rows)
    total = {"amount": TokenCount.amount + insert.excluded.amount}
    connection.execute(insert.on_conflict_do_update(index_elements=["asset", "at", "outcome"], set_=total))


def _drop_old(connection: Connection, now: float) -> None:
    """Remove what is over 400 days old, some at each step."""
    key = tuple_(TokenCount.asset, TokenCount.at, TokenCount.outcome)
    old = select(TokenCount.asset, TokenCount.at, TokenCount.outcome).where(TokenCount.at < int(now) - KEPT_SECONDS)
    connection.execute(delete(TokenCount).where(key.in_(old.limit(STEP))))
