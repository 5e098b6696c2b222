"""Finding rows of the log, newest first, in pages: as quick among five million rows as among fifty.

One index leads (person, asset or key id by parts of the log, an event, or the ids themselves); what else is asked for
is looked up in some WINDOW rows of it. Where these are used up before a page is full, the page says how far back it
looked, and the next one goes on from there.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, select, text

from mintmark.errors import NotFound
from mintmark.models import LogRow, db, log_parts
from mintmark.models.log_parts import MAX_ID
from mintmark.records.filters import Filter

PAGE_SIZE = 50
WINDOW = 10_000
# The events that may have an outcome other than done; a test holds this to what the code notes.
EVENTS_OF = {"refused": ("token.refused", "person.sign_in_refused"), "failed": ("token.failed", "asset.previewed")}
_NEAR = 1000
# Word for word the conditions of the indexes in models/log.py, so that both databases take them.
_NOT_ISSUED = text("event <> 'token.issued'")
_NOT_DONE = text("outcome <> 'done'")
_LEADING = (*log_parts.COLUMNS, "event")


@dataclass(frozen=True, slots=True)
class Records:
    """A page of rows; `before` is where the next begins, `looked_back_to` the moment where looking had to stop."""

    rows: list[LogRow]
    before: int | None = None
    looked_back_to: float | None = None


@dataclass(frozen=True, slots=True)
class _Lead:
    """The conditions that an index answers, and those that are looked up in what it gives.

    `by` is the column of an index of parts that leads, with its value.
    """

    leading: list[Any]
    others: list[Any]
    by: tuple[str, str] | None = None


def get_record(row_id: int) -> LogRow:
    """Return one row. Raises NotFound."""
    row = db.session.get(LogRow, row_id) if 0 < row_id <= MAX_ID else None
    if row is None:
        raise NotFound(
            "The log has no such row. It may have been archived. What answered 400, 404, 405 or 503, and strangers,"
            " have no row: they are one line each on standard output."
        )
    return row


def find_records(wanted: Filter, before: int | None = None) -> Records:
    """Return the newest rows that are wanted, of those with an id under `before`."""
    low, high = span_of(wanted)
    high = min(high, before or MAX_ID)
    if wanted.request is not None:
        rest = conditions(replace(wanted, request=None), leading=None)
        unfinished = _rows(_Lead([LogRow.request == wanted.request, _NOT_DONE], rest), low, high)
        if unfinished:
            return _page(unfinished)
    looks = [_look(lead, low, high) for lead in _leads(wanted)]
    rows = sorted((row for some, _ in looks for row in some), key=lambda row: -row.id)
    ends = [end for _, end in looks if end is not None]
    if not ends:
        return _page(rows)
    end_id, end_at = max(ends)
    seen = [row for row in rows if row.id >= end_id]
    return _page(seen) if len(seen) > PAGE_SIZE else Records(seen, end_id, end_at)


def _page(rows: list[LogRow]) -> Records:
    is_more = len(rows) > PAGE_SIZE
    return Records(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].id if is_more else None)


def _leads(wanted: Filter) -> list[_Lead]:
    """Return the one index to follow, or two where an outcome is that of two events."""
    leading = next((name for name in _LEADING if getattr(wanted, name) not in (None, "token.issued")), None)
    if leading is None and wanted.outcome in EVENTS_OF:
        each = [replace(wanted, event=event) for event in EVENTS_OF[wanted.outcome] if wanted.event in (None, event)]
        return [lead for one in each for lead in _leads(one)]
    others = conditions(wanted, leading=leading)
    if leading in log_parts.COLUMNS:
        return [_Lead([], others, (leading, getattr(wanted, leading)))]
    return [_Lead([LogRow.event == wanted.event, _NOT_ISSUED] if leading else [], others)]


def conditions(wanted: Filter, *, leading: str | None) -> list[ColumnElement[bool]]:
    """Return all conditions but the leading one, each so that it can lead to no other index."""
    named = wanted.named()
    since, until = named.pop("since", None), named.pop("until", None)
    found: list[ColumnElement[bool]] = [
        func.coalesce(getattr(LogRow, name), "") == value for name, value in named.items() if name != leading
    ]
    if since is not None:
        found.append(LogRow.at + 0 >= since)
    if until is not None:
        found.append(LogRow.at + 0 < until)
    return found


def _look(lead: _Lead, low: int, high: int) -> tuple[list[LogRow], tuple[int, float] | None]:
    """Return the rows of one index; where it was not looked through, the id and moment of the last that was."""
    if lead.by is None:
        end = _end_of_window(lead, low, high) if lead.others else None
        return _rows(lead, max(low, end[0]) if end else low, high), end
    stretch = log_parts.newest(*lead.by, low, high, enough=WINDOW if lead.others else PAGE_SIZE + 1)
    rows = _rows(replace(lead, leading=log_parts.has(*lead.by, stretch.parts)), low, high)
    if stretch.end is None or len(rows) > PAGE_SIZE:
        return rows, None
    return rows, (stretch.end, stretch.ends_at() or 0)  # So few: the page says how far back it looked.


def _end_of_window(lead: _Lead, low: int, high: int) -> tuple[int, float] | None:
    """Return the id and the moment (seconds) of the last of WINDOW rows."""
    window = select(LogRow.id).where(*lead.leading, LogRow.id >= low, LogRow.id < high).order_by(LogRow.id.desc())
    last = window.offset(WINDOW - 1).limit(1).scalar_subquery()
    row = db.session.execute(select(LogRow.id, LogRow.at).where(LogRow.id == last)).first()
    return (row.id, row.at / 1000) if row else None


def _rows(lead: _Lead, low: int, high: int) -> list[LogRow]:
    which, order = [*lead.leading, *lead.others, LogRow.id >= low, LogRow.id < high], LogRow.id.desc()
    if lead.by is not None:  # By the index of parts, not by the ids, of which most are others’.
        which[-2:], order = [LogRow.id + 0 >= low, LogRow.id + 0 < high], (LogRow.id + 0).desc()
    return list(db.session.scalars(select(LogRow).where(*which).order_by(order).limit(PAGE_SIZE + 1)))


def span_of(wanted: Filter) -> tuple[int, int]:
    """Return the ids, the second not included, between which rows of the wanted time stand.

    Ids come nearly, not exactly, in the order of moments; so the outermost id of some rows on
    either side is taken, and each row is still asked for its moment.
    """
    low, high = 0, MAX_ID
    if wanted.since is not None:
        near = select(LogRow.id).where(LogRow.at >= wanted.since).order_by(LogRow.at).limit(_NEAR).subquery()
        low = db.session.scalar(select(func.min(near.c.id))) or MAX_ID
    if wanted.until is not None:
        near = select(LogRow.id).where(LogRow.at < wanted.until).order_by(LogRow.at.desc()).limit(_NEAR).subquery()
        high = (db.session.scalar(select(func.max(near.c.id))) or 0) + 1
    return low, high
