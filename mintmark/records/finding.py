"""Finding rows of the log, newest first, in pages: as quick among five million rows as among fifty.

One index leads (person, asset, event, or the ids themselves); what else is asked for is looked up in
at most WINDOW rows of it. Where these are used up before a page is full, the page says how far
back it looked, and the next one goes on from there. What a signing key signed is found by its assets, and
by those with a secret of the same id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, String, column, func, select, text, values

from mintmark.errors import NotFound
from mintmark.models import LogRow, db
from mintmark.records.filters import Filter
from mintmark.records.of_key import KEY_EVENTS, signed_by

PAGE_SIZE = 50
WINDOW = 10_000
MAX_ID = 2**63 - 1
# The events that may have an outcome other than done; a test holds this to what the code notes.
EVENTS_OF = {"refused": ("token.refused", "person.sign_in_refused"), "failed": ("token.failed", "asset.previewed")}
_NEAR = 1000
# Word for word the conditions of the indexes in models/log.py, so that both databases take them.
_NOT_ISSUED = text("event <> 'token.issued'")
_NOT_DONE = text("outcome <> 'done'")
_LEADING = ("person", "asset", "event")


@dataclass(frozen=True, slots=True)
class Records:
    """A page of rows; `before` is where the next begins, `looked_back_to` the moment where looking had to stop."""

    rows: list[LogRow]
    before: int | None = None
    looked_back_to: float | None = None


@dataclass(frozen=True, slots=True)
class _Lead:
    """The conditions that an index answers, and those that are looked up in what it gives.

    `each` are the values of `among`, the first column of that index, where there are several; `span` narrows
    the ids.
    """

    leading: list[Any]
    others: list[Any]
    among: Any = None
    each: Sequence[str] = ()
    span: tuple[int, int] = (0, MAX_ID)


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
    leads = _leads_of_key(wanted) or _leads(wanted)
    parts = [_part(lead, max(low, lead.span[0]), min(high, lead.span[1])) for lead in leads]
    found = {row.id: row for rows, _ in parts for row in rows}
    rows = [found[row_id] for row_id in sorted(found, reverse=True)]
    ends = [end for _, end in parts if end is not None]
    if not ends:
        return _page(rows)
    end_id, end_at = max(ends)
    seen = [row for row in rows if row.id >= end_id]
    return _page(seen) if len(seen) > PAGE_SIZE else Records(seen, end_id, end_at / 1000)


def _page(rows: list[LogRow]) -> Records:
    is_more = len(rows) > PAGE_SIZE
    return Records(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].id if is_more else None)


def _leads(wanted: Filter) -> list[_Lead]:
    """Return the one index to follow, or two where an outcome is that of two events."""
    leading = next((name for name in _LEADING if getattr(wanted, name) not in (None, "token.issued")), None)
    if leading is None and wanted.outcome in EVENTS_OF:
        each = [replace(wanted, event=event) for event in EVENTS_OF[wanted.outcome] if wanted.event in (None, event)]
        return [lead for one in each for lead in _leads(one)]
    conditions_of_index: list[Any] = []
    if leading is not None:
        conditions_of_index.append(getattr(LogRow, leading) == getattr(wanted, leading))
    if leading == "event":
        conditions_of_index.append(_NOT_ISSUED)
    return [_Lead(conditions_of_index, conditions(wanted, leading=leading))]


def _leads_of_key(wanted: Filter) -> list[_Lead]:
    """Return the indexes by which the rows of a signing key are found; none where another column leads as well."""
    if wanted.kid is None or wanted.person or wanted.asset or wanted.event not in (None, "token.issued"):
        return []
    signed = signed_by(wanted.kid) if wanted.outcome in (None, "done") else None
    if signed is None:
        return []
    others = conditions(wanted, leading=None)
    span = span_of(Filter(since=signed.since, until=signed.until))
    if signed.namesakes is None:
        return [_Lead([], others)]
    if signed.assets is None:  # So many share this key that their parts of WINDOW would be too small.
        leads = [_Lead([], others, span=(span[0], MAX_ID))]
    else:
        leads = [_Lead([], others, LogRow.asset, signed.assets, span)] if signed.assets else []
    if signed.namesakes:
        leads.append(_Lead([], others, LogRow.asset, signed.namesakes))
    if signed.has_unknown:
        leads.append(_Lead([], others, span=(0, span[0])))
    return leads if wanted.event else [*leads, _Lead([_NOT_ISSUED], others, LogRow.event, KEY_EVENTS)]


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


def _part(lead: _Lead, low: int, high: int) -> tuple[list[LogRow], tuple[int, int] | None]:
    """Return the rows of one index, and the id and moment of the last that was looked at where WINDOW ended it."""
    end = _end_of_window(lead, low, high) if lead.others else None
    return _rows(lead, max(low, end[0]) if end else low, high), end


def _end_of_window(lead: _Lead, low: int, high: int) -> tuple[int, int] | None:
    """Return the last of WINDOW rows; where several values share these, that at which the first used up its part."""
    window = select(LogRow.id).where(*lead.leading, LogRow.id >= low, LogRow.id < high).order_by(LogRow.id.desc())
    if lead.each:
        each = values(column("value", String), name="each").data([(value,) for value in lead.each]).cte("each")
        share = window.where(lead.among == each.c.value).offset(WINDOW // len(lead.each) - 1).limit(1)
        last = select(func.max(share.correlate(each).scalar_subquery())).select_from(each).scalar_subquery()
    else:
        last = window.offset(WINDOW - 1).limit(1).scalar_subquery()
    row = db.session.execute(select(LogRow.id, LogRow.at).where(LogRow.id == last)).first()
    return (row.id, row.at) if row else None


def _rows(lead: _Lead, low: int, high: int) -> list[LogRow]:
    which = [*lead.leading, *lead.others, LogRow.id >= low, LogRow.id < high]
    order = LogRow.id.desc()
    if lead.each:
        which.append(lead.among.in_(lead.each))
        order = (LogRow.id + 0).desc()  # Not by the ids, of which most are others’: by the index of `among`.
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
