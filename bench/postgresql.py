"""PostgreSQL for the benchmark: a database of its own for each use, and the server processes that work for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bench import processes

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def find_reason_not_to() -> str | None:
    """Return why PostgreSQL cannot be measured, or None."""
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=2).close()
    except psycopg.OperationalError:
        return "PostgreSQL does not answer; TEST_POSTGRESQL_URL says where it is"
    return None


@contextmanager
def database() -> Iterator[str]:
    """Yield the address of an empty database of this run, which is dropped at the end."""
    name = f"mintmark_bench_{os.getpid()}"
    _execute("CREATE DATABASE {}", name)
    try:
        yield POSTGRESQL.rpartition("/")[0] + "/" + name
    finally:
        _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def processes_for(url: str) -> list[int] | None:
    """Return the processes of the server that work for a database: its backends, and those that write for all.

    None where the server is not on this machine.
    """
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND (datname = current_database() OR backend_type NOT LIKE 'client%')"
        ).fetchall()
    pids = [row[0] for row in rows]
    return pids if all(processes.is_named(pid, "postgres") for pid in pids) else None


def _execute(statement: str, name: str) -> None:
    with psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
