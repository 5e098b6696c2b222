"""A site that was backed up, lived on, and is put back elsewhere: for tests of what a backup does not know.

Each takes a house; what it makes is closed with the fixture `put_back`.
"""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import psycopg

from tests.conftest import POSTGRESQL, House


def back_up(house, file):
    """Back a house up by the command; return the file."""
    result = house.run("backup", str(file))
    assert result.exit_code == 0, result.output
    return file


def export_log(house, file):
    """Write the log of a house as the command does; return the file."""
    file.write_text(house.run("log", "export").stdout)
    return file


def sqlite_from(file, folder, **overrides):
    """Return the house of a backup that was put where a new instance has its database."""
    folder.mkdir(mode=0o700)
    shutil.copy(file, folder / "mintmark.sqlite")
    (folder / "mintmark.sqlite").chmod(0o600)
    return House({"INSTANCE": str(folder), "SQLITE_SYNCHRONOUS": "normal", **overrides})


@contextmanager
def postgresql_from(file, folder, **overrides):
    """Yield the house of a backup that pg_restore put into a new database; it is dropped afterwards."""
    name = f"mintmark_restored_{os.getpid()}"
    url = POSTGRESQL.rpartition("/")[0] + "/" + name
    with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        options = ["--no-owner", "--no-privileges", "--single-transaction", f"--dbname={url}"]
        subprocess.run(["pg_restore", *options, str(file)], check=True, capture_output=True)
        house = House({"INSTANCE": str(folder), "DATABASE_URL": url, **overrides})
        try:
            yield house
        finally:
            house.close()
    finally:
        with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def details_of(house, event):
    """Return what the rows of an event say."""
    return [json.loads(row["detail"]) for row in house.log(event)]
