"""The database: one SQLAlchemy object, how its connections are set up, and how one writes.

Reading needs no ceremony. Writing happens inside `with writing():`, which takes its turn
(SQLite has one writer; waiting in a fair queue beats its busy handler, which sleeps),
begins, and commits on the way out: once, as the last step of a view or command.
"""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, Engine, Index, String, Text, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Session as OrmSession

from mintmark.config import Settings
from mintmark.errors import Busy
from mintmark.models import patience
from mintmark.models.postgresql import Server
from mintmark.models.write_queue import BUSY_SECONDS, WriteQueue

# Connections that a process has at most, beside those of its wire: a worker has a thread for each request that it
# serves at once (six), and each of them needs two at most; a probe, and a thread that counts.
POOL_SIZE, MORE_FOR_A_WHILE = 5, 9
_IMMEDIATE = "mintmark_immediate"
_M = TypeVar("_M")


class Base(DeclarativeBase):
    """The root of all models."""


db = SQLAlchemy(model_class=Base)
db.Model.registry.update_type_annotation_map({int: BigInteger})  # type: ignore[attr-defined]  # Moments outlast 2038.
_queues: WeakKeyDictionary[Engine, AbstractContextManager[None]] = WeakKeyDictionary()


def by_code_point(kind: String | Text, length: int | None = None) -> Any:
    """Return a text type whose order is that of its code points on both databases, as prefixes and trees need it."""
    return kind.with_variant(String(length, collation="C") if length else Text(collation="C"), "postgresql")


def index_of_few(name: str, columns: str, condition: str, plain: str = "", *, unique: bool = False) -> Index:
    """Return an index over the rows of a condition; `plain` is how PostgreSQL writes it, where that differs."""
    sqlite, postgresql = text(condition), text(plain or condition)
    return Index(name, *columns.split(), unique=unique, sqlite_where=sqlite, postgresql_where=postgresql)


def queue_of(engine: Engine) -> AbstractContextManager[None]:
    """Return what a writer of this database waits in."""
    return _queues[engine]


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def find_by_id(kind: type[_M], key: str, *, is_locked: bool = False) -> _M | None:
    """Return the row of an id that anybody may have typed; `is_locked`: as it is now, until the transaction ends."""
    if "\x00" in key:  # PostgreSQL takes no such text.
        return None
    return db.session.get(kind, key, populate_existing=is_locked, with_for_update=is_locked)


@contextmanager
def writing() -> Iterator[OrmSession]:
    """Take a turn, begin, hand out the session, and commit. Raises Busy; on any error nothing is kept."""
    session = db.session()
    session.rollback()  # Ends the read transaction of this request: a writer begins with what is true now.
    try:
        with _or_busy(), queue_of(db.engine):
            session.connection(execution_options={_IMMEDIATE: True})
            yield session
            session.commit()
    except BaseException:
        session.rollback()
        raise


@contextmanager
def writing_to(engine: Engine) -> Iterator[Connection]:
    """Do the same with a connection of its own, for a thread that serves no request. Raises Busy."""
    with _or_busy(), queue_of(engine), engine.connect().execution_options(**{_IMMEDIATE: True}) as connection:
        with connection.begin():
            yield connection


@contextmanager
def _or_busy() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if is_unavailable(error):
            raise Busy("The database cannot be written at this moment. Try again in a few seconds.") from error
        raise


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Tell whether the database is locked, full, read-only, busy or gone, rather than our statement wrong."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeout)
    return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InternalError")


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine is to be told."""
    pool = {"pool_size": POOL_SIZE, "max_overflow": MORE_FOR_A_WHILE, "pool_timeout": patience.REQUEST_SECONDS}
    if settings.is_sqlite:
        return {"hide_parameters": True, **pool, "connect_args": {"timeout": BUSY_SECONDS}}
    # What a request may wait is counted on our side (mintmark/models/postgresql.py). These are the server's own limits:
    # it looks each second whether we are there still, so that what was given up does not run on; no lock is waited for
    # longer than a request may; and TCP finds out in ten seconds that the other side is gone, also for commands.
    # Compiling costs more than it saves where a page asks for fifty rows.
    limits = "-c statement_timeout=30000 -c lock_timeout=1500 -c client_connection_check_interval=1000 -c jit=off"
    keepalives = {"keepalives_idle": 4, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
    return {
        "hide_parameters": True,  # A statement's values may be secret; an error's words are not.
        "pool_pre_ping": True,
        **pool,
        "connect_args": {"connect_timeout": 2, "application_name": "mintmark", "options": limits, **keepalives},
    }


def set_up_engine(engine: Engine, settings: Settings) -> None:
    """Make connections what they have to be: in time; or with WAL, foreign keys, explicit BEGIN, a writers’ queue."""
    if not settings.is_sqlite:
        _queues[engine] = nullcontext()
        engine.dialect.connect = Server().connect  # type: ignore[assignment, method-assign]
        return
    database = Path(engine.url.database or "mintmark.sqlite")
    queue = _queues[engine] = WriteQueue(database.with_name(database.name + ".queue"))

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # We say BEGIN ourselves, also around DDL, so that all of it rolls back.
        try:
            for pragma in sqlite_pragmas(settings):
                connection.execute(pragma)
        except sqlite3.Error as error:
            raise OperationalError("PRAGMA", None, error) from error

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        if not connection.get_execution_options().get(_IMMEDIATE):
            connection.exec_driver_sql("BEGIN")
            return
        began = time.monotonic()
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(queue.rest * 1000)}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
            patience.spend(time.monotonic() - began)


def sqlite_pragmas(settings: Settings) -> list[str]:
    """Return the statements that every SQLite connection starts with."""
    return [
        "PRAGMA journal_mode=WAL",
        "PRAGMA wal_autocheckpoint=4000",  # pages: what was written again and again meanwhile is copied once.
        f"PRAGMA synchronous={settings.sqlite_synchronous.upper()}",
        "PRAGMA foreign_keys=ON",
        "PRAGMA secure_delete=ON",  # What is erased is not left in free pages.
    ]
