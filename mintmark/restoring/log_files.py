"""Reading the log that outlived the database: JSON Lines as `log export` and `log archive` write them.

Rule: what is not a row of this site's log, or not the whole of what the backup lacks, is refused: half a log would be
taken for all of it. Only what is missing at its end nobody sees, so it is always said up to where it goes.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from mintmark.errors import FieldError
from mintmark.models import LogRow, db
from mintmark.restoring.again import find_last_run
from mintmark.restoring.gaps import Gap, Ids

_BESIDE = "Name the file that has it too; where there is none, say --without-log beside it"
_CHUNK = 500
_TEXTS = ("actor", "person", "asset", "issuer", "kid", "sub")
# They take nothing away, and most rows are some of them.
_PASSED_OVER = ("token.", "person.signed_", "person.sign_in_", "person.sessions_", "person.link_", "log.", "site.")
_PASSED_OVER_TOO = frozenset({"asset.seen", "asset.previewed", "access_token.made", "access_token.ended"})


@dataclass(frozen=True, slots=True)
class Row:
    """A row that the backup lacks; `at` in milliseconds. What it lacks itself is None, of `detail` {}."""

    id: int
    at: int
    event: str
    actor: str | None
    person: str | None
    asset: str | None
    issuer: str | None
    kid: str | None
    sub: str | None
    detail: dict[str, Any]

    @property
    def fields(self) -> list[str]:
        """Return the names of the fields that were changed."""
        found = self.detail.get("fields")
        return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


@dataclass(slots=True)
class Since:
    """What is known of the time since the backup: its rows in their order, those that take nothing away left out.

    `backup_id` is the last row that the backup has, `last_id` and `last_at` (milliseconds) the last one of the files;
    `gaps` is what is missing between them.
    """

    backup_id: int
    rows: list[Row] = field(default_factory=list)
    first_id: int | None = None
    last_id: int | None = None
    last_at: int | None = None
    gaps: list[Gap] = field(default_factory=list)
    ids: Ids = field(default_factory=Ids)


def read(paths: Sequence[Path], *, is_whole: bool) -> Since:
    """Return what some files say. Raises FieldError, which names file and line.

    `is_whole`: they are to be all that the backup lacks, and are refused where they cannot be.
    """
    since = Since(backup_id=_backup_id())
    archived = _archived_up_to()
    found: dict[int, Row] = {}
    for path in paths:
        rows = (row for row in _rows_of(path, since) if row.id > archived)
        while some := list(islice(rows, _CHUNK)):
            present = _present(path, some)
            found |= {row.id: row for row in some if row.id not in present and not _takes_nothing(row.event)}
    since.rows = [found[row_id] for row_id in sorted(found)]
    known = max(since.backup_id, archived)
    since.gaps = list(since.ids.gaps_behind(known))
    if is_whole:
        _see_is_whole(since, known)
    return since


def _backup_id() -> int:
    """Return the last row of the backup: the last one of all, or of those before `after-restore` wrote its own."""
    before: int | None = (find_last_run() or {}).get("last_row")
    return before if before is not None else db.session.scalar(select(func.max(LogRow.id))) or 0


def _takes_nothing(event: str) -> bool:
    return event.startswith(_PASSED_OVER) or event in _PASSED_OVER_TOO


def _archived_up_to() -> int:
    """Return the last row that had left the log by the backup: that it is not in there says nothing."""
    statement = select(LogRow.detail).where(LogRow.event == "log.archived")
    ids = [json.loads(detail or "{}").get("ids") or {} for detail in db.session.scalars(statement)]
    return max((each.get("last") or 0 for each in ids), default=0)


def _rows_of(path: Path, since: Since) -> Iterator[Row]:
    """Yield the rows of a file, and keep which is the first and the last of all. Raises FieldError."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                row = _read_row(line, path, number)
                since.first_id = row.id if since.first_id is None else min(row.id, since.first_id)
                if since.last_id is None or row.id >= since.last_id:
                    since.last_id, since.last_at = row.id, row.at
                since.ids.add(row.id, row.at)
                yield row
    except OSError as error:
        raise FieldError(f"cannot be read: {error.strerror}", str(path)) from None


def _read_row(line: bytes, path: Path, number: int) -> Row:
    try:
        found = json.loads(line.replace(b"\\u0000", b"\\ufffd"))  # PostgreSQL may be asked for no NUL.
        row_id, event, detail = found["id"], found["event"], found["detail"] or {}
        moment = datetime.fromisoformat(found["at"])
        texts = {name: found[name] for name in _TEXTS}
        is_right = isinstance(row_id, int) and 0 < row_id < 2**62 and isinstance(event, str) and moment.tzinfo
        if not is_right or not isinstance(detail, dict) or not all(_is_text(each) for each in texts.values()):
            raise ValueError
        if found["outcome"] != "done":  # What was refused or failed took nothing away.
            event = f"token.{found['outcome']}"
        return Row(id=row_id, at=round(moment.timestamp() * 1000), event=event, detail=detail, **texts)
    except (ValueError, KeyError, TypeError, RecursionError):
        words = f"line {number} is no row of a log, as `flask log export` and `log archive` write one as JSON"
        raise FieldError(words, str(path)) from None


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _present(path: Path, rows: Iterable[Row]) -> set[int]:
    """Return which of these rows the backup has. Raises FieldError where one of the same id is another row."""
    named = {row.id: row for row in rows}
    statement = select(LogRow.id, LogRow.at).where(LogRow.id.in_(named))
    present = {row_id: at for row_id, at in db.session.execute(statement)}
    for row_id, at in present.items():
        if named[row_id].at != at:
            raise FieldError(f"row {row_id} is another one than in this database; is it another site’s log?", str(path))
    return set(present)


def _see_is_whole(since: Since, known: int) -> None:
    """Raises FieldError where rows since the backup must be missing; on PostgreSQL a gap may be none."""
    if since.first_id is None or since.last_id is None:
        raise FieldError("has no row at all. Is it the right file? Where there is no log, say --without-log", "log")
    if since.first_id > known + 1:
        raise FieldError(
            f"begins with row {since.first_id}, and the backup ends with row {known}: what is between is in no file."
            f" {_BESIDE}",
            "log",
        )
    if since.last_id < known:
        raise FieldError(
            f"ends with row {since.last_id}, and the backup with row {known}: it says nothing of the time since."
            f" {_BESIDE}",
            "log",
        )
    if since.gaps and db.engine.dialect.name == "sqlite":
        more = f" (and {len(since.gaps) - 1:,} more such gaps)" if len(since.gaps) > 1 else ""
        raise FieldError(f"lacks {since.gaps[0]}{more}. {_BESIDE}", "log")
