"""A copy of an SQLite database by its online backup (https://www.sqlite.org/backup.html), while tokens go on.

Rule: all steps are within one read transaction. Without it every token that is written between two steps would begin
the copy anew, and under load it would never end; with it nobody waits, for in WAL mode a reader stops no writer. Of
the two ways that SQLite has, this one copies pages; VACUUM INTO would write every table and index anew, which takes
the processor from those who serve. What was deleted is in no copied page (`secure_delete`).
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from mintmark import copies
from mintmark.backup.contents import Contents, count
from mintmark.errors import ConfigurationError

_PAGES = 1_000  # of a step: 4 MB
_PAUSE_SECONDS = 0.002  # after each step: who waits for the disk or the processor comes first.
_MOST_SHOWN = 5


def copy(engine: Engine, draft: Path) -> Contents:
    """Copy the database into an empty file, mark the copy, and read it through. Raises ConfigurationError, OSError."""
    try:
        with engine.connect() as connection, closing(sqlite3.connect(draft, isolation_level=None)) as target:
            contents = count(connection)  # The first read begins the transaction.
            source: Any = connection.connection.driver_connection
            source.backup(target, pages=_PAGES, progress=_give_way)
            connection.rollback()
            _finish(target)
    except sqlite3.Error as error:
        raise ConfigurationError(f"The database cannot be copied: {error}. No backup was made.") from error
    finally:
        for helper in ("-journal", "-wal", "-shm"):  # None is left but where the copy failed.
            draft.with_name(draft.name + helper).unlink(missing_ok=True)
    return contents


def _give_way(_status: int, left: int, _total: int) -> None:
    if left:
        time.sleep(_PAUSE_SECONDS)


def _finish(target: sqlite3.Connection) -> None:
    """Make the copy one file without helpers beside it, mark it, and see that it is sound."""
    for pragma in ("journal_mode=DELETE", "journal_mode=MEMORY", "synchronous=OFF"):  # It is synced as a whole.
        target.execute(f"PRAGMA {pragma}")
    target.execute("UPDATE site SET place = ? WHERE id = 1", (copies.IN_BACKUP,))
    found = [str(row[0]) for row in target.execute(f"PRAGMA integrity_check({_MOST_SHOWN})")]
    found = [] if found == ["ok"] else found
    found += [f"{row[0]}: a row refers to nothing" for row in target.execute("PRAGMA foreign_key_check").fetchmany(1)]
    if found:
        words = "; ".join(line[:200] for line in found)
        raise ConfigurationError(
            f"The database is damaged, and so would be its backup, which was not made: {words}. Keep the backups that"
            " there are; put the last one back."
        )
