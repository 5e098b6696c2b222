"""Archiving: the oldest rows are written to a file, and only when that is whole are they taken out of the log.

What is removed is what is read back from the file, so a kill at any point loses nothing: before the
file is whole nothing is removed, and rows that are left after it are archived by the next run.
Rows that are not counted yet (mintmark/counts) stay until they are.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from sqlalchemy import ColumnElement, delete, or_, select

from mintmark import log
from mintmark.counts.rolling import is_counted
from mintmark.errors import FieldError
from mintmark.log import Occasion
from mintmark.models import LogRow, Site, db

CHUNK = 1_000
PAUSE_SECONDS = 0.02  # after each chunk that is removed: who waits to write comes first.


@dataclass(slots=True)
class Archive:
    """A file of rows, and what it holds."""

    path: Path
    rows: int = 0
    first_id: int | None = None
    last_id: int | None = None


def write_archive(path: Path, *, before: int) -> Archive:
    """Write the rows from before a moment (seconds) to a new file, whole or not at all. Raises FieldError, OSError."""
    if os.path.lexists(path):
        raise _is_there(path)
    archive = Archive(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            _write_rows(file, archive, before)
            file.flush()
            os.fsync(file.fileno())
        if archive.rows:
            os.link(draft, path)  # Unlike a renaming, this never takes the place of a file that is there.
            _sync_folder(path.parent)
    except FileExistsError:
        raise _is_there(path) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)
    return archive


def _is_there(path: Path) -> FieldError:
    return FieldError("is there already; name a new file, for archives are never overwritten", str(path))


def _write_rows(file: IO[str], archive: Archive, before: int) -> None:
    for row in _rows_before(before):
        file.write(log.to_json(log.values_of(row)) + "\n")
        archive.rows += 1
        archive.first_id = archive.first_id or row.id
        archive.last_id = row.id


def _rows_before(before: int) -> Iterator[LogRow]:
    """Yield the rows that may go, by id, some at a time, so that no read transaction lasts long."""
    counted = db.session.scalar(select(Site.counted_log_id)) or 0
    may_go: ColumnElement[bool] = or_(LogRow.id <= counted, ~is_counted(LogRow.event))
    after = 0
    while True:
        which = (LogRow.id > after, LogRow.at + 0 < before * 1000, may_go)
        statement = select(*LogRow.__table__.columns).where(*which).order_by(LogRow.id).limit(CHUNK)
        rows = db.session.execute(statement).all()
        db.session.rollback()
        yield from rows  # type: ignore[misc]
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def note_archive(archive: Archive, *, before: str, by: Occasion) -> None:
    """Say in the log what is about to leave it; the row is there before the first one goes."""
    ids = {"first": archive.first_id, "last": archive.last_id}
    log.note("log.archived", by, detail={"before": before, "rows": archive.rows, "ids": ids, "file": archive.path.name})


def archived_ids(archive: Archive) -> Iterator[list[int]]:
    """Yield the ids of the rows in a file, some at a time."""
    with archive.path.open(encoding="ascii") as file:
        while lines := list(islice(file, CHUNK)):
            yield [json.loads(line)["id"] for line in lines]


def remove_rows(ids: list[int]) -> None:
    """Take rows out of the log, in the caller's transaction; their ids are never used again."""
    between = (LogRow.id >= ids[0], LogRow.id <= ids[-1], LogRow.id.in_(ids))
    db.session.execute(delete(LogRow).where(*between).execution_options(synchronize_session=False))
