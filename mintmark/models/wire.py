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
SELECT a.id, a.revision, a.live, site.attributes_revision, s.last_used_at,
       p.id, p.username, p.email, p.first_name, p.last_name, p.display_name, p.is_admin,
       CAST(p.roles AS TEXT), CAST(p.permissions AS TEXT), CAST(p.attributes AS TEXT),
       (SELECT CAST(json_group_object(g.id, g.name) AS TEXT) FROM membership m
          JOIN people_group g ON g.id = m.group_id WHERE m.person_id = p.id)
  FROM site
  LEFT JOIN asset a ON a.path = :path AND a.trashed_at IS NULL
  LEFT JOIN session s ON s.id = :session AND s.ended_at IS NULL
        AND s.last_used_at > :used_after AND s.signed_in_at > :signed_in_after
  LEFT JOIN person p ON p.id = {person} AND p.live
 WHERE site.id = 1
"""
_INSERT = f"INSERT INTO log ({', '.join(_ROW_COLUMNS)}) VALUES ({', '.join(':' + name for name in _ROW_COLUMNS)})"  # noqa: S608 — our own column names
_TOUCH = "UPDATE session SET last_used_at = :now WHERE id = :session AND last_used_at < :now"


class Wire:
    """Raw connections to one database, kept idle between requests; any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._idle: deque[Any] = deque()
        self._by_session = self._dialect(_LOOK_UP.format(person="s.person_id"))
        self._by_person = self._dialect(_LOOK_UP.format(person=":person"))
        self._insert, self._touch = self._dialect(_INSERT), self._dialect(_TOUCH)
        self.failures: tuple[type[Exception], ...] = (engine.dialect.dbapi.Error, OSError)  # type: ignore[union-attr]

    def look_up(self, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Return the row of _LOOK_UP: by `person` where it is given, else by `session`.

        Raises Busy, after one more try on a new connection: an idle one may have died.
        """
        statement = self._by_person if "person" in values else self._by_session
        for is_last in (False, True):
            connection, is_new = self._borrow()
            try:
                row = connection.execute(statement, values).fetchone()
            except self.failures as error:
                self._drop(connection)
                if is_last or is_new:
                    raise Busy("The database does not answer.") from error
            else:
                self._idle.append(connection)
                return row  # type: ignore[no-any-return]
        return None

    def write(self, rows: Sequence[Mapping[str, Any]], touched: Sequence[Mapping[str, Any]]) -> None:
        """Insert log rows and touch sessions in one committed transaction, or raise one of `failures`.

        Never tried again: after a failed COMMIT nobody knows whether the rows are there.
        """
        connection, _ = self._borrow()
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
            cursor.executemany(self._insert, rows)
            if touched:
                cursor.executemany(self._touch, touched)
            cursor.execute("COMMIT")
        except BaseException:
            self._drop(connection)
            raise
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._drop(self._idle.pop())

    def _borrow(self) -> tuple[Any, bool]:
        try:
            return self._idle.pop(), False
        except IndexError:
            try:
                pooled = self._engine.raw_connection()
            except DBAPIError as error:
                raise Busy("The database does not answer.") from error
            pooled.detach()
            connection = pooled.dbapi_connection
            if not self._is_sqlite:
                connection.autocommit = True  # type: ignore[union-attr]
            return connection, True

    def _drop(self, connection: Any) -> None:
        try:
            connection.close()
        except self.failures:
            pass

    def _dialect(self, statement: str) -> str:
        if self._is_sqlite:
            return statement
        return re.sub(r":(\w+)", r"%(\1)s", statement.replace("json_group_object", "json_object_agg"))
