"""Backups: the whole database in one file of its owner alone, taken while the site serves.

Rule: a file with the name that was asked for is whole and was read back; whatever fails before that leaves none.
The sealing key is never in it, so whoever finds a backup reads no secret and signs nothing.
"""

from pathlib import Path

from mintmark import log, new_file
from mintmark.backup import postgresql, sqlite
from mintmark.backup.contents import Contents
from mintmark.config import Settings
from mintmark.log import Occasion
from mintmark.models import db
from mintmark.moment import iso


def write(path: Path, settings: Settings) -> Contents:
    """Copy the database to a new file and return what is in it. Raises FieldError, ConfigurationError, OSError."""
    with new_file.made_at(path) as draft:
        copy = sqlite.copy if settings.is_sqlite else postgresql.dump
        contents = copy(db.engine, draft)
    return contents


def note(path: Path, contents: Contents, *, by: Occasion) -> None:
    """Say in the log that everything left, into which file, and up to which row that knows the log itself."""
    last_at = None if contents.last_at is None else iso(contents.last_at / 1000)
    detail = {"file": path.name, "last_row": contents.last_id, "last_at": last_at}
    log.note("site.backed_up", by, detail=detail)
