"""The two statements that every token costs, by the database's own driver: far less work than by the ORM.

One query reads all that must be fresh: the asset's revision, the session or access token, the person. SQLite is asked
for one, PostgreSQL, where each question is a journey, for all who wait at that moment (`_FOR_ALL`).
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mintmark.errors import Busy
from mintmark.models import patience
from mintmark.models.log import LogRow
from mintmark.models.together import Place, Together

_ROW_COLUMNS = [column.name for column in LogRow.__table__.columns if column.name != "id"]
_LOOK_UP = """
SELECT a.id, a.revision, a.live, site.attributes_revision, COALESCE(k.revision, 0), {its_columns},
       p.id, p.username, p.email, p.first_name, p.last_name, p.display_name, p.is_admin,
       CAST(p.roles AS TEXT), CAST(p.permissions AS TEXT), CAST(p.attributes AS TEXT),
       (SELECT CAST(json_group_object(g.id, g.name) AS TEXT) FROM membership m
          JOIN people_group g ON g.id = m.group_id WHERE m.person_id = p.id)
  FROM site
  LEFT JOIN asset a ON a.trashed_at IS NULL AND a.id = COALESCE(
       (SELECT here.id FROM asset here WHERE here.path = :path AND here.trashed_at IS NULL),
       (SELECT f.asset_id FROM former_path f WHERE f.path = :path AND f.answers_until > :now))
  LEFT JOIN key_ring k ON k.id = a.ring_id
  {its_join}
  LEFT JOIN person p ON p.id = {person} AND p.live
 WHERE site.id = 1
"""
# Each kind of credential has its own statement, so that nobody pays for the joins of another's. Its columns: which
# access token came, whether it is for this asset, and when it or the session was last used.
_BY_SESSION = _LOOK_UP.format(
    person="s.person_id",
    its_columns="NULL, NULL, s.last_used_at",
    its_join="""LEFT JOIN session s ON s.id = :session AND s.ended_at IS NULL
        AND s.last_used_at > :used_after AND s.signed_in_at > :signed_in_after AND s.signed_in_at <= :signed_in_by
        AND (s.expires_at IS NULL OR s.expires_at > :now)""",
)
_BY_ACCESS_TOKEN = _LOOK_UP.format(
    person="t.person_id",
    its_columns="""t.id, EXISTS (SELECT 1 FROM access_token_asset l
         WHERE l.access_token_id = t.id AND l.asset_id = a.id), t.last_used_at""",
    its_join="""LEFT JOIN access_token t ON t.hash = :access_token AND t.ended_at IS NULL
        AND t.expires_at > :now AND t.created_at <= :signed_in_by""",
)
_BY_PERSON = _LOOK_UP.format(person=":person", its_columns="NULL, NULL, NULL", its_join="")
_BY = {"session": _BY_SESSION, "access_token": _BY_ACCESS_TOKEN, "person": _BY_PERSON}
_MOMENTS = ("now", "used_after", "signed_in_after", "signed_in_by")
_FOR_ALL = """
SELECT asked.number, found.*
  FROM unnest(:paths::text[], :credentials::text[]) WITH ORDINALITY AS asked(path, credential, number)
 CROSS JOIN LATERAL ({one}) AS found
"""
# Each join of a look-up is one row by an index, whatever the statistics of small tables say: twice as fast as what the
# planner finds for 200 people, and the same for a million. It plans once, not for each list of paths.
_PLAIN_PLANS = """SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET plan_cache_mode = force_generic_plan"""
# To PostgreSQL: who looks up for all, who commits for all, and for a moment one in the place of a broken one.
MOST_CONNECTIONS = 3
_MOST_ROWS = 16  # of one statement.
_BUSY_TIMEOUT = "PRAGMA busy_timeout={}"  # milliseconds
_PATIENT = _BUSY_TIMEOUT.format(int(patience.REQUEST_SECONDS * 1000))
_SPARE_SECONDS = 0.2  # that a request may take beyond what it may wait: so much less is not worth a statement.
_NOT_FOR_SQLITE = "FOR UPDATE SKIP LOCKED"  # It has one writer.
# What was used → how that is written down. A row that somebody else has locked is passed over: tokens wait for none.
_TOUCHES = {
    "session": """UPDATE session SET last_used_at = :now WHERE id IN
        (SELECT id FROM session WHERE id = :session AND last_used_at < :now FOR UPDATE SKIP LOCKED)""",
    "access_token": """UPDATE access_token SET last_used_at = :now WHERE id IN
        (SELECT id FROM access_token WHERE id = :access_token AND (last_used_at IS NULL OR last_used_at < :now)
            FOR UPDATE SKIP LOCKED)""",
}

_Question = tuple[str, Mapping[str, Any]]  # By which credential, and all values.
_Place = Place[_Question, Sequence[Any]]


class RowRefused(Exception):
    """The database does not take a row, whatever the others are; nothing was committed."""


class Wire:
    """Raw connections to one database, kept idle between requests; any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._idle: deque[Any] = deque()
        self._look_ups = {name: self._look_up_of(name, statement) for name, statement in _BY.items()}
        self._together: Together[_Question, Sequence[Any]] = Together(self._look_up_all)
        self._touches = {name: self._dialect(statement) for name, statement in _TOUCHES.items()}
        self._inserts = [self._insert_of(amount) for amount in range(_MOST_ROWS + 1)]
        driver: Any = engine.dialect.dbapi
        self.failures: tuple[type[Exception], ...] = (driver.Error, SQLAlchemyError, OSError)
        self._unavailable = (driver.OperationalError, driver.InterfaceError, OSError)

    def look_up(self, values: Mapping[str, Any], by: str) -> Sequence[Any] | None:
        """Return the row of _LOOK_UP, by `session`, `access_token` or `person`, whose value is among those.

        Raises Busy, after one more try on a new connection: idle ones may have died.
        """
        try:
            if not self._is_sqlite:
                return self._together.ask((by, values))
            rows = self._ask(self._look_ups[by], values)
        except self.failures as error:
            raise Busy("The database does not answer.") from error
        return rows[0] if rows else None

    def _look_up_all(self, take: Callable[[], list[_Place]]) -> None:
        """Look up for all who wait by one statement for each credential and moment, mostly one in all."""
        alike: dict[tuple[Any, ...], list[_Place]] = {}
        for place in take():
            by, values = place.asked
            alike.setdefault((by, *(values[name] for name in _MOMENTS)), []).append(place)
        for (by, *moments), places in alike.items():
            values = dict(zip(_MOMENTS, moments, strict=True))
            values["paths"] = [place.asked[1]["path"] for place in places]
            values["credentials"] = [place.asked[1][by] for place in places]
            found = {row[0]: row[1:] for row in self._ask(self._look_ups[by], values)}
            for number, place in enumerate(places, 1):
                place.settle(found.get(number))

    def _ask(self, statement: str, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Return all rows, by an idle connection; where that fails, by a new one, for idle ones may have died."""
        try:
            return self._ask_once(statement, values)
        except self.failures as error:
            if self._is_sqlite and "locked" in str(error):
                raise  # It was waited for already.
            self.close()  # The others may have died with it.
        return self._ask_once(statement, values)

    def _ask_once(self, statement: str, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        connection = self._borrow()
        try:
            rows = connection.execute(statement, values).fetchall()
        except BaseException:
            self._drop(connection)
            raise
        self._idle.append(connection)
        return rows  # type: ignore[no-any-return]

    def write(self, rows: Sequence[Mapping[str, Any]], touched: Sequence[Mapping[str, Any]]) -> None:
        """Insert log rows and touch sessions and access tokens in one committed transaction.

        Raises RowRefused where a row cannot stand in the log and nothing was committed, else one of
        `failures`; after a failed COMMIT nobody knows whether the rows are there, so nothing is tried again.
        """
        commits_itself = not touched and len(rows) <= _MOST_ROWS  # One INSERT in autocommit, as both databases are.
        # To what a thread may wait PostgreSQL is held by models/postgresql.py; SQLite is told here.
        seconds = patience.left(patience.REQUEST_SECONDS)
        is_late = self._is_sqlite and seconds < patience.REQUEST_SECONDS - _SPARE_SECONDS
        connection = self._borrow()
        try:
            cursor = connection.cursor()
            if is_late:
                cursor.execute(_BUSY_TIMEOUT.format(int(seconds * 1000)))
            if not commits_itself:
                cursor.execute("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
            self._insert_all(cursor, rows)
            if not commits_itself:
                self._touch_all(cursor, touched)
                cursor.execute("COMMIT")
        except RowRefused:
            self._give_back(connection, is_late, is_refused=True)
            raise
        except BaseException:
            self._drop(connection)
            raise
        self._give_back(connection, is_late)

    def _give_back(self, connection: Any, is_late: bool, *, is_refused: bool = False) -> None:
        """Keep a connection for the next, who may wait longer; without what was begun and refused on it."""
        try:
            if is_refused:
                connection.rollback()
            if is_late:
                connection.execute(_PATIENT)
        except self.failures:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _insert_all(self, cursor: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert by as few statements as may be: one costs less than the rows that it takes along."""
        try:
            for start in range(0, len(rows), _MOST_ROWS):
                some = rows[start : start + _MOST_ROWS]
                values = [row[name] for row in some for name in _ROW_COLUMNS]
                cursor.execute(self._inserts[len(some)], values)
        except self._unavailable:
            raise
        except Exception as error:
            raise RowRefused("A row cannot stand in the log.") from error

    def _touch_all(self, cursor: Any, touched: Sequence[Mapping[str, Any]]) -> None:
        for name, statement in self._touches.items() if touched else ():
            used = sorted((each for each in touched if name in each), key=lambda each: str(each[name]))
            if used:
                cursor.executemany(statement, used)

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
            if self._is_sqlite:
                connection.execute(_PATIENT)
            else:
                connection.autocommit = True
                connection.execute(_PLAIN_PLANS)
                connection.prepare_threshold = 0
            return connection

    def _drop(self, connection: Any) -> None:
        try:
            connection.close()
        except self.failures:
            pass

    def _insert_of(self, amount: int) -> str:
        place = "?" if self._is_sqlite else "%s"
        row = f"({', '.join([place] * len(_ROW_COLUMNS))})"
        return f"INSERT INTO log ({', '.join(_ROW_COLUMNS)}) VALUES {', '.join([row] * amount)}"  # noqa: S608 — our own column names

    def _look_up_of(self, by: str, statement: str) -> str:
        """Return the look-up by a credential; on PostgreSQL for any number of paths and credentials at once."""
        if not self._is_sqlite:
            one = statement.replace(":path", "asked.path").replace(f":{by}", "asked.credential")
            statement = _FOR_ALL.format(one=one)
        return self._dialect(statement)

    def _dialect(self, statement: str) -> str:
        if self._is_sqlite:
            return statement.replace(_NOT_FOR_SQLITE, "")
        return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement.replace("json_group_object", "json_object_agg"))
