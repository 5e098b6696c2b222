"""Bringing the database up to date: migrations under one lock, then the site's own row.

Safe to repeat and safe when two nodes start at once: on PostgreSQL an advisory lock, on
SQLite a lock file beside the database. SQLite's DDL runs inside an explicit transaction,
so that a migration that is killed leaves nothing behind.

Migrations only add (a column with a default, a table, an index) to what the release before them uses, so
that nodes may be replaced one by one: a node of that release serves on the newer tables, also when it starts anew.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import DBAPIError

from mintmark import copies, resealing, site
from mintmark.config import Settings
from mintmark.errors import ConfigurationError
from mintmark.models import Site, db

MIGRATIONS = Path(__file__).parent.parent / "migrations"
_LOCK = 0x6D696E74  # "mint"
_logger = logging.getLogger(__name__)


def bring_up_to_date(settings: Settings, *, is_restored: bool = False) -> None:
    """Create or upgrade the tables and the site's row; newer tables are left as they are. Raises ConfigurationError.

    `is_restored`: also those of a copy from a backup, which else stay as they are.
    """
    with _said_plainly(), _one_at_a_time(db.engine, settings) as connection:
        is_new = not _has_row(connection)
        if not is_new:
            resealing.see_keys(connection, settings.sealer)  # A wrong one is found before anything is changed.
        _upgrade(connection)
        if is_new:
            connection.execute(insert(Site).values(site.make_row(sealer=settings.sealer)))
        if not is_restored:
            copies.see_is_no_copy(connection)
            copies.settle_where_new(connection)
    if settings.is_sqlite:
        _make_private(Path(db.engine.url.database or ""))


def see_sealing_keys(settings: Settings) -> None:
    """See that everything in the database can be opened, where it was ever set up. Raises ConfigurationError."""
    with _said_plainly(), db.engine.connect() as connection:
        if _has_row(connection):
            resealing.see_keys(connection, settings.sealer)


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0] if error.orig else "it does not answer"
        raise ConfigurationError(f"The database cannot be used: {reason}") from None
    except CommandError as error:
        raise ConfigurationError(f"The database’s tables are not known to this code: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"The database’s folder cannot be used: {error.strerror}") from None


def has_site() -> bool:
    """Tell whether the database was ever set up."""
    with db.engine.connect() as connection:
        return _has_row(connection)


@contextmanager
def _one_at_a_time(engine: Engine, settings: Settings) -> Iterator[Connection]:
    if not settings.is_sqlite:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            connection.commit()
            connection.invalidate()  # This connection has no time limits; it is not to be used again.
        return
    path = Path(engine.url.database or "")
    descriptor = os.open(path.with_name(path.name + ".migration"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with engine.connect().execution_options(mintmark_immediate=True) as connection:
            yield connection
            connection.commit()
    finally:
        os.close(descriptor)


def _has_row(connection: Connection) -> bool:
    if not connection.dialect.has_table(connection, "site"):
        return False
    return connection.execute(text("SELECT 1 FROM site WHERE id = 1")).first() is not None


def _upgrade(connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    theirs = MigrationContext.configure(connection).get_current_revision() or ""
    ours = ScriptDirectory.from_config(config).get_current_head() or ""
    if theirs.isdecimal() and theirs > ours:  # They are numbered, with four digits.
        _logger.warning("The database is at revision %s, this code at %s: it serves on what it knows.", theirs, ours)
        return
    command.upgrade(config, "head")


def _make_private(database: Path) -> None:
    """SQLite's files are their owner's alone, whatever the umask was when they were made."""
    for path in database.parent.glob(database.name + "*"):
        if not path.is_symlink():
            path.chmod(0o600)
