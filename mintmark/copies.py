"""Copies: knowing a database that was put back from a backup, so that it does not serve before `after-restore`.

A backup of SQLite is marked itself, once it is apart from the site. One of PostgreSQL cannot be: it is dumped from
what the site committed, and the site must not carry the mark. There the site remembers where it is, by the number of
the cluster and that of its table, which are others where `pg_restore` has made the table. What copies a PostgreSQL
server file by file (a base backup, a snapshot of its disk), or puts rows back into the tables that are there
(`pg_restore --data-only`), is not known by this.
"""

from sqlalchemy import Connection, select, text, update

from mintmark.errors import ConfigurationError
from mintmark.models import Site

IN_BACKUP = "backup"
_MAY_ASK = text("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
_CLUSTER = text("SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()")
_TABLE = text("SELECT CAST(CAST('site' AS regclass) AS oid)")


def see_is_no_copy(connection: Connection) -> None:
    """Raises ConfigurationError, with what to run, where this is a copy of the site's database."""
    if is_copy(connection):
        raise ConfigurationError(
            "This database was restored from a backup, or moved. What was ended, revoked or switched off since the"
            " backup would be good again; so run `flask --app app after-restore` first (with --help it says how)."
            " The database was not changed."
        )


def is_copy(connection: Connection) -> bool:
    """Tell whether this is a copy of the site's database, or that database in another place."""
    remembered = connection.scalar(select(Site.place).where(Site.id == 1))
    return remembered is not None and remembered != _place_of(connection)


def settle(connection: Connection) -> None:
    """Remember that the database is where it is now."""
    connection.execute(update(Site).where(Site.id == 1).values(place=_place_of(connection)))


def settle_where_new(connection: Connection) -> None:
    """Remember where the database is where it never said so; SQLite's says nothing but in a backup."""
    if connection.scalar(select(Site.place).where(Site.id == 1)) is None and connection.dialect.name != "sqlite":
        settle(connection)


def _place_of(connection: Connection) -> str | None:
    if connection.dialect.name == "sqlite":
        return None
    cluster = connection.scalar(_CLUSTER) if connection.scalar(_MAY_ASK) else "unknown"
    return f"{cluster}/{connection.scalar(_TABLE)}"
