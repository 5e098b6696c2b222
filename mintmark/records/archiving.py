"""Archiving: the oldest rows are written to a file, and only when that is whole are they taken out of the log.

What is removed is what is read back from the file, and only where the log has the same row under that id. So a kill
at any point loses nothing: before the file is whole nothing is removed, and where rows are left after it, the same
file is taken up again. Rows that are not counted yet (mintmark/counts) stay until they are.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from sqlalchemy import ColumnElement, delete, or_, select, text

from mintmark import log
from mintmark.counts.rolling import is_counted
from mintmark.errors import FieldError
from mintmark.log import Occasion
from mintmark.models import LogRow, Site, db
from mintmark.moment import iso
from mintmark.new_file import is_there, made_at
from mintmark.records.filters import Filter
from mintmark.records.finding import span_of

CHUNK = 1_000  # rows that are read at once
REMOVED = 200  # rows that are removed in one transaction: who waits to write waits for that.
PAUSE_SECONDS = 0.02  # after each: who waits to write comes first.


@dataclass(slots=True)
class Archive:
    """A file of rows, and what it holds."""

    path: Path
    rows: int = 0
    first_id: int | None = None
    last_id: int | None = None


def write_archive(path: Path, *, before: int) -> Archive:
    """Write the rows from before a moment (seconds) to a new file, whole or not at all; none where there are none.

    Raises FieldError, OSError.
    """
    archive, rows = Archive(path), _rows_before(before)
    first = next(rows, None)
    if first is not None:
        with made_at(path) as draft, draft.open("w", encoding="ascii") as file:
            _write_rows(file, archive, chain([first], rows))
    return archive


def find_archive(path: Path, *, before: int) -> Archive | None:
    """Return the archive that a run which was stopped left, whole, with rows of it in the log still; None: no file.

    Raises FieldError where the file is anything else, OSError where it cannot be read.
    """
    if not os.path.lexists(path):
        return None
    archive, last = Archive(path), [""]
    try:
        for last in _chunks(path):
            rows = [json.loads(line) for line in last]
            if any(row["at"] >= iso(before) for row in rows):
                raise FieldError("is there already and holds later rows; name a new file", str(path))
            archive.rows += len(rows)
            archive.first_id = archive.first_id or int(rows[0]["id"])
            archive.last_id = int(rows[-1]["id"])
        is_left = bool(archive.rows) and bool(left_in_log(path, last))
    except (ValueError, KeyError, TypeError, OverflowError):  # It is no archive at all.
        raise is_there(path) from None
    if not is_left:
        raise is_there(path)
    return archive


def _write_rows(file: IO[str], archive: Archive, rows: Iterable[LogRow]) -> None:
    for row in rows:
        file.write(log.to_json(log.values_of(row)) + "\n")
        archive.rows += 1
        archive.first_id = archive.first_id or row.id
        archive.last_id = row.id


def _rows_before(before: int) -> Iterator[LogRow]:
    """Yield the rows that may go, by id, some at a time, so that no read transaction lasts long.

    What was committed so late that its id is beyond those of its time stays for the next archive.
    """
    high = span_of(Filter(until=before * 1000))[1]
    counted = db.session.scalar(select(Site.counted_log_id)) or 0
    may_go: ColumnElement[bool] = or_(LogRow.id <= counted, ~is_counted(LogRow.event))
    after = 0
    while True:
        which = (LogRow.id > after, LogRow.id < high, LogRow.at + 0 < before * 1000, may_go)
        statement = select(*LogRow.__table__.columns).where(*which).order_by(LogRow.id).limit(CHUNK)
        rows = db.session.execute(statement).all()
        db.session.rollback()
        yield from rows  # type: ignore[misc]
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


def note_archive(archive: Archive, *, before: str, by: Occasion) -> None:
    """Say in the log what is about to leave it, once; the row is there before the first one goes."""
    ids = {"first": archive.first_id, "last": archive.last_id}
    detail = {"before": before, "rows": archive.rows, "ids": ids, "file": archive.path.name}
    noted = (LogRow.event == "log.archived", text("event <> 'token.issued'"), LogRow.detail == log.to_json(detail))
    if db.session.scalar(select(LogRow.id).where(*noted).limit(1)) is None:
        log.note("log.archived", by, detail=detail)


def archived(archive: Archive) -> Iterator[list[int]]:
    """Yield the ids of the rows of a file that the log still has, some at a time, oldest first. Raises FieldError."""
    for lines in _chunks(archive.path):
        ids = left_in_log(archive.path, lines)
        yield from (ids[start : start + REMOVED] for start in range(0, len(ids), REMOVED))


def _chunks(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="ascii") as file:
        while lines := list(islice(file, CHUNK)):
            yield lines


def left_in_log(path: Path, lines: list[str]) -> list[int]:
    """Return the ids of those lines that the log still has. Raises FieldError where it has another row under one."""
    given = {json.loads(line)["id"]: line.rstrip("\n") for line in lines}
    between = (LogRow.id >= min(given), LogRow.id <= max(given), LogRow.id.in_(given))
    rows = db.session.execute(select(*LogRow.__table__.columns).where(*between).order_by(LogRow.id)).all()
    db.session.rollback()
    if any(log.to_json(log.values_of(row)) != given[row.id] for row in rows):
        raise FieldError("is no archive of this log, which has other rows under the same ids", str(path))
    return [row.id for row in rows]


def remove_rows(ids: list[int]) -> None:
    """Take rows out of the log, in the caller's transaction; their ids are never used again."""
    between = (LogRow.id >= ids[0], LogRow.id <= ids[-1], LogRow.id.in_(ids))
    db.session.execute(delete(LogRow).where(*between).execution_options(synchronize_session=False))
