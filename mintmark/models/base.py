"""The database: one SQLAlchemy object, how its connections are set up, and how one writes.

Reading needs no ceremony. Writing happens inside `with writing():`, which takes its turn
(SQLite has one writer; waiting in a fair queue beats its busy handler, which sleeps),
begins, and commits on the way out: once, as the last step of a view or command.
"""

import fcntl
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, Engine, Index, String, Text, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Session as OrmSession

from mintmark.config import Settings
from mintmark.errors import Busy

BUSY_SECONDS = 2.0
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
    except DBAPIError as error:
        if is_unavailable(error):
            raise Busy("The database cannot be written at this moment. Try again in a few seconds.") from error
        raise


def is_unavailable(error: DBAPIError) -> bool:
    """Tell whether the database is locked, full, read-only or gone, rather than our statement wrong."""
    return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InternalError")


class WriteQueue:
    """A turn for one writer among all threads of all processes on this machine, by a file lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = threading.Lock()
        self._file = -1

    def __enter__(self) -> None:
        deadline = time.monotonic() + BUSY_SECONDS
        if not self._mine.acquire(timeout=BUSY_SECONDS):
            raise Busy("Too much is being written at this moment. Try again in a few seconds.")
        try:
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            self._wait_for_others(deadline)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc: object) -> None:
        if self._file >= 0:
            os.close(self._file)  # This gives the lock back, as the end of the process would.
        self._file = -1
        self._mine.release()

    def _wait_for_others(self, deadline: float) -> None:
        pause = 0.0002
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy("Too much is being written at this moment. Try again in a few seconds.") from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.001)


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine is to be told."""
    if settings.is_sqlite:
        return {"hide_parameters": True, "connect_args": {"timeout": BUSY_SECONDS}}
    # Nobody waits for ever for a database that hangs; migrations and imports are many short statements.
    # Compiling costs more than it saves where a page asks for fifty rows.
    limits = f"-c statement_timeout=30000 -c lock_timeout={int(BUSY_SECONDS * 1000)} -c jit=off"
    return {
        "hide_parameters": True,  # A statement's values may be secret; an error's words are not.
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": 2, "application_name": "mintmark", "options": limits},
    }


def set_up_engine(engine: Engine, settings: Settings) -> None:
    """Make each connection what it has to be: WAL, foreign keys, explicit BEGIN, a queue for writers."""
    if not settings.is_sqlite:
        _queues[engine] = nullcontext()
        return
    database = Path(engine.url.database or "mintmark.sqlite")
    _queues[engine] = WriteQueue(database.with_name(database.name + ".queue"))

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
        is_writer = connection.get_execution_options().get(_IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def sqlite_pragmas(settings: Settings) -> list[str]:
    """Return the statements that every SQLite connection starts with."""
    return [
        "PRAGMA journal_mode=WAL",
        f"PRAGMA synchronous={settings.sqlite_synchronous.upper()}",
        "PRAGMA foreign_keys=ON",
        "PRAGMA secure_delete=ON",  # What is erased is not left in free pages.
    ]
