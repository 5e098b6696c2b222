"""A dump of a PostgreSQL database by its own `pg_dump`, and read through by its own `pg_restore`.

Rule: where the database is and by which password stand in the environment of these programs, never among their
arguments, which every account of the machine can read. The rows are counted in the snapshot that is dumped.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from psycopg import pq
from sqlalchemy import Connection, Engine, text

from mintmark.backup.contents import Contents, count
from mintmark.errors import ConfigurationError

_DUMP, _RESTORE = "pg_dump", "pg_restore"
# In the custom format, which pg_restore takes; who has a table locked is waited for, but not for ever.
_OPTIONS = ("--format=custom", "--no-password", "--no-owner", "--no-privileges", "--lock-wait-timeout=60000")
_VERSION = re.compile(r"\) (\d+)")
_MOST_SHOWN = 1_000
_SNAPSHOT = text("SELECT pg_export_snapshot()")


def dump(engine: Engine, draft: Path) -> Contents:
    """Dump the database into a file, and read the file through. Raises ConfigurationError, OSError."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        _see_programs(connection)
        # The snapshot lasts as long as this transaction, which does nothing while it is dumped.
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        contents, snapshot = count(connection), connection.scalar(_SNAPSHOT)
        with draft.open("wb") as file:
            _run([_DUMP, *_OPTIONS, f"--snapshot={snapshot}"], _environment(engine), stdout=file)
        connection.rollback()
    _run([_RESTORE, f"--file={os.devnull}", str(draft)], _environment(engine))
    return contents


def _see_programs(connection: Connection) -> None:
    """Raises ConfigurationError where a program is missing, or older than the server, which it would refuse."""
    version: Any = connection.dialect.server_version_info
    server = int(version[0])
    for program in (_DUMP, _RESTORE):
        if shutil.which(program) is None:
            raise ConfigurationError(
                f"{program} is not on this machine. Install the client programs of PostgreSQL {server} or newer"
                f" (Debian: postgresql-client-{server}), or run the backup where they are."
            )
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 — the two of above
        found = _VERSION.search(said)
        if found is None or int(found[1]) < server:
            raise ConfigurationError(
                f"{program} on this machine is “{said.strip()[:100]}”, and the server is PostgreSQL {server}: an older"
                f" one cannot read it. Install the client programs of PostgreSQL {server} or newer."
            )


def _environment(engine: Engine) -> dict[str, str]:
    """Return the environment for libpq's programs: ours without settings of this site, and how to get there.

    What has no variable of its own (keepalives and the like) they do without.
    """
    variables = {each.keyword.decode(): each.envvar.decode() for each in pq.Conninfo.get_defaults() if each.envvar}
    given = engine.dialect.create_connect_args(engine.url)[1]
    known = {variables[name]: str(value) for name, value in given.items() if name in variables}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("MINTMARK_")}, **known}


def _run(command: list[str], environment: dict[str, str], *, stdout: Any = subprocess.DEVNULL) -> None:
    """Run one of the programs to its end. Raises ConfigurationError with what it said."""
    done = subprocess.run(  # noqa: S603 — our own arguments
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:_MOST_SHOWN] or f"it ended with {done.returncode}"
        raise ConfigurationError(f"{command[0]} failed: {said}. No backup was made.")
