"""The two statements that every token costs, by the database's own driver.

The ORM's way to the same row is ten times the work (bench/README.md). One query reads all
that must be fresh: the asset's revision, the session, the person. Both databases are asked
in one dialect; only the placeholders and one function differ.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from mintmark.errors import Busy
from mintmark.models.log import LogRow

_ROW_COLUMNS = [column.name for column in LogRow.__table__.columns if column.name != "id"]
_LOOK_UP = """
SELECT a.id, a.revision, a.live, site.attributes_revision, COALESCE(k.revision, 0), s.last_used_at,
       p.id, p.username, p.email, p.first_name, p.last_name, p.display_name, p.is_admin,
       CAST(p.roles AS TEXT), CAST(p.permissions AS TEXT), CAST(p.attributes AS TEXT),
       (SELECT CAST(json_group_object(g.id, g.name) AS TEXT) FROM membership m
          JOIN people_group g ON g.id = m.group_id WHERE m.person_id = p.id)
  FROM site
  LEFT JOIN asset a ON a.trashed_at IS NULL AND a.id = COALESCE(
       (SELECT here.id FROM asset here WHERE here.path = :path AND here.trashed_at IS NULL),
       (SELECT f.asset_id FROM former_path f WHERE f.path = :path AND f.answers_until > :now))
  LEFT JOIN key_ring k ON k.id = a.ring_id
  LEFT JOIN session s ON s.id = :session AND s.ended_at IS NULL
        AND s.last_used_at > :used_after AND s.signed_in_at > :signed_in_after AND s.signed_in_at <= :signed_in_by
  LEFT JOIN person p ON p.id = {person} AND p.live
 WHERE site.id = 1
"""
_INSERT = f"INSERT INTO log ({', '.join(_ROW_COLUMNS)}) VALUES ({', '.join(':' + name for name in _ROW_COLUMNS)})"  # noqa: S608 — our own column names
_TOUCH = "UPDATE session SET last_used_at = :now WHERE id = :session AND last_used_at < :now"


class RowRefused(Exception):
    """The database does not take a row, whatever the others are; nothing was committed."""


class Wire:
    """Raw connections to one database, kept idle between requests; any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._idle: deque[Any] = deque()
        self._by_session = self._dialect(_LOOK_UP.format(person="s.person_id"))
        self._by_person = self._dialect(_LOOK_UP.format(person=":person"))
        self._insert, self._touch = self._dialect(_INSERT), self._dialect(_TOUCH)
        driver: Any = engine.dialect.dbapi
        self.failures: tuple[type[Exception], ...] = (driver.Error, DBAPIError, OSError)
        self._unavailable = (driver.OperationalError, driver.InterfaceError, OSError)

    def look_up(self, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Return the row of _LOOK_UP: by `person` where it is given, else by `session`.

        Raises Busy, after one more try on a new connection: idle ones may have died.
        """
        statement = self._by_person if "person" in values else self._by_session
        try:
            return self._ask(statement, values)
        except self.failures:
            self.close()  # The others may have died with it.
        try:
            return self._ask(statement, values)
        except self.failures as error:
            raise Busy("The database does not answer.") from error

    def _ask(self, statement: str, values: Mapping[str, Any]) -> Sequence[Any] | None:
        connection = self._borrow()
        try:
            row = connection.execute(statement, values).fetchone()
        except BaseException:
            self._drop(connection)
            raise
        self._idle.append(connection)
        return row  # type: ignore[no-any-return]

    def write(self, rows: Sequence[Mapping[str, Any]], touched: Sequence[Mapping[str, Any]]) -> None:
        """Insert log rows and touch sessions in one committed transaction.

        Raises RowRefused where a row cannot stand in the log and nothing was committed, else one of
        `failures`; after a failed COMMIT nobody knows whether the rows are there, so nothing is tried again.
        """
        connection = self._borrow()
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
            self._insert_all(cursor, rows)
            if touched:
                # In one order, so that two processes cannot wait for each other.
                cursor.executemany(self._touch, sorted(touched, key=lambda values: str(values["session"])))
            cursor.execute("COMMIT")
        except RowRefused:
            self._roll_back(connection)
            raise
        except BaseException:
            self._drop(connection)
            raise
        self._idle.append(connection)

    def _roll_back(self, connection: Any) -> None:
        try:
            connection.execute("ROLLBACK")
        except self.failures:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _insert_all(self, cursor: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            cursor.executemany(self._insert, rows)
        except self._unavailable:
            raise
        except Exception as error:
            raise RowRefused("A row cannot stand in the log.") from error

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._drop(self._idle.pop())

    def _borrow(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            pooled = self._engine.raw_connection()
            pooled.detach()
            connection: Any = pooled.dbapi_connection
            if not self._is_sqlite:
                connection.autocommit = True
            return connection

    def _drop(self, connection: Any) -> None:
        try:
            connection.close()
        except self.failures:
            pass

    def _dialect(self, statement: str) -> str:
        if self._is_sqlite:
            return statement
        return re.sub(r":(\w+)", r"%(\1)s", statement.replace("json_group_object", "json_object_agg"))
