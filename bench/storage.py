"""Storage: what the databases of a run write on. In memory, or where nobody waits for the disk, a commit is another."""

from pathlib import Path

import psycopg

from bench import load, postgresql, processes

_IN_MEMORY = ("tmpfs", "ramfs")
_MOUNTS = Path("/proc/self/mountinfo")


def of_sqlite(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return in words what databases in a folder write on. Raises load.Void where that is memory."""
    kind = file_system(folder, mounts)
    if kind in _IN_MEMORY:
        raise load.Void(f"{folder} is in memory ({kind}), where no commit waits for a disk: set TMPDIR to another.")
    return f"SQLite on {kind}"


def of_postgresql() -> str:
    """Return in words what PostgreSQL writes on, as far as it tells us, and whether a commit waits for that."""
    names = ("server_version", "data_directory", "fsync", "synchronous_commit")
    with psycopg.connect(postgresql.POSTGRESQL, connect_timeout=2) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)])
        found = dict(rows.fetchall())  # The folder is told to few roles.
        is_here = processes.is_named(connection.info.backend_pid, "postgres")
    folder = found.get("data_directory")
    disk = f" on {file_system(Path(folder))}" if folder and is_here else ""
    version = found["server_version"].split()[0]
    return f"PostgreSQL {version}{disk} (fsync {found['fsync']}, synchronous_commit {found['synchronous_commit']})"


def file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of file system that a path is on (proc_pid_mountinfo(5)); of mounts on one place, the last."""
    path, kind, longest = path.resolve(), "unknown", -1
    for line in mounts.read_text().splitlines():
        place, _, device = line.partition(" - ")
        mounted_on = Path(place.split()[4].encode().decode("unicode_escape"))  # A space is \040 there.
        if path.is_relative_to(mounted_on) and len(mounted_on.parts) >= longest:
            kind, longest = device.split()[0], len(mounted_on.parts)
    return kind
