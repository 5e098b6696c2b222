"""`flask backup`: whole, private, and taken while tokens go on; or no file at all."""

import base64
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from mintmark import new_file
from mintmark.backup import postgresql, sqlite
from mintmark.database import bring_up_to_date
from mintmark.errors import ConfigurationError
from mintmark.models import db
from tests.conftest import POSTGRESQL, SEALING_KEY, House, skip_or_fail
from tests.making import make_asset, make_person
from tests.restored import back_up, details_of, export_log, postgresql_from, sqlite_from

ROOT = Path(__file__).parent.parent
OTHER_KEY = "test:" + base64.b64encode(b"w" * 32).decode()


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "backup"


@pytest.fixture
def put_back(tmp_path):
    """Put a backup of SQLite back elsewhere."""
    made = []

    def put(file, **overrides):
        folder = tmp_path / f"elsewhere-{len(made)}"
        made.append(sqlite_from(file, folder, **{"SEALING_KEY": SEALING_KEY, **overrides}))
        return made[-1]

    yield put
    for house in made:
        house.close()


def test_a_backup_is_private_says_what_it_holds_and_never_holds_the_sealing_key(sqlite_house, file, put_back):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "a")
    last = sqlite_house.log()[-1]

    result = sqlite_house.run("backup", str(file))

    assert result.exit_code == 0, result.output
    assert f"{file.stat().st_size:,} bytes: 1 assets, 1 people and {last['id']} rows of the log" in result.stdout
    assert f"the last of them {last['id']} of 2027-01-15T08:00:00.000Z" in result.stdout
    assert "sealing key is not in it" in result.stdout and f"install -m 600 {file}" in result.stdout
    assert "-wal" in result.stdout and "after-restore" in result.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["backup"]
    encoded = SEALING_KEY.partition(":")[2]
    content = file.read_bytes()
    assert encoded.encode() not in content and base64.b64decode(encoded) not in content
    assert details_of(sqlite_house, "site.backed_up") == [
        {"file": "backup", "last_row": last["id"], "last_at": "2027-01-15T08:00:00.000Z"}
    ]


def test_a_file_that_is_there_is_left_as_it_is(sqlite_house, file):
    file.write_text("precious")

    result = sqlite_house.run("backup", str(file))

    assert result.exit_code == 1 and "never overwritten" in result.stderr
    assert file.read_text() == "precious" and len(list(file.parent.iterdir())) == 1


def test_a_file_that_comes_meanwhile_is_left_as_it_is(sqlite_house, file, monkeypatch):
    monkeypatch.setattr(new_file, "_sync", lambda _path: file.write_text("precious"))

    result = sqlite_house.run("backup", str(file))

    assert result.exit_code == 1 and "never overwritten" in result.stderr
    assert file.read_text() == "precious" and len(list(file.parent.iterdir())) == 1


def test_a_folder_that_is_not_there_is_said_in_a_line(sqlite_house, tmp_path):
    result = sqlite_house.run("backup", str(tmp_path / "nowhere" / "backup"))

    assert result.exit_code == 1 and "No such file or directory" in result.stderr


def test_a_restored_backup_serves_nobody_before_after_restore_ran(sqlite_house, file, put_back):
    house = put_back(back_up(sqlite_house, file))
    before = house.rows("SELECT * FROM site")

    with house.app.app_context(), pytest.raises(ConfigurationError, match="after-restore"):
        bring_up_to_date(house.mint.settings)

    assert house.run("init").exit_code == 1
    assert house.rows("SELECT * FROM site") == before
    assert house.run("after-restore", "--without-log").exit_code == 0
    assert house.run("init").exit_code == 0


def test_a_wrong_sealing_key_is_refused_on_the_restored_one_and_nothing_is_written(sqlite_house, file, put_back):
    make_person(sqlite_house, "ben")
    house = put_back(back_up(sqlite_house, file), SEALING_KEY=OTHER_KEY)
    database = Path(house.overrides["INSTANCE"]) / "mintmark.sqlite"
    before = database.read_bytes()

    result = house.run("after-restore", "--without-log")

    assert result.exit_code == 1 and "MINTMARK_SEALING_KEY" in result.stderr
    house.close()
    with sqlite3.connect(database) as there, sqlite3.connect(file) as here:
        assert list(there.iterdump()) == list(here.iterdump())
    there.close()
    here.close()
    assert len(database.read_bytes()) == len(before)


def test_a_damaged_database_is_said_to_be_so_and_leaves_no_backup(sqlite_house, file, tmp_path):
    for number in range(60):
        make_person(sqlite_house, f"person-{number}", password=None)
    sqlite_house.close()
    database = tmp_path / "instance" / "mintmark.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_person_administrators'"
        ).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [people] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_log_part_person'").fetchone()
    connection.close()
    with database.open("r+b") as content:
        for each in (page, people):
            content.seek((each - 1) * size + 8)
            content.write(b"\xff" * 400)

    result = sqlite_house.run("backup", str(file))

    assert result.exit_code == 1 and "damaged" in result.stderr, result.output
    assert list(file.parent.iterdir()) == []


@pytest.mark.slow
def test_tokens_go_on_during_a_backup_and_each_of_before_is_in_it(sqlite_house, file, put_back, monkeypatch):
    # Given people who fetch tokens without a pause, and a database of some steps,
    monkeypatch.setattr(sqlite, "_PAGES", 4)
    make_asset(sqlite_house, "a")
    clients = []
    for number in range(3):
        make_person(sqlite_house, f"person-{number}")
        clients.append(sqlite_house.signed_in(f"person-{number}"))
    done, statuses, received = threading.Event(), [], []

    def fetch(client):
        while not done.is_set():
            answer = client.get("/a")
            statuses.append(answer.status_code)
            received.append(answer.text)

    threads = [threading.Thread(target=fetch, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    while len(received) < 50:
        time.sleep(0.01)
    known = {row["id"] for row in sqlite_house.log()}
    amount = len(received)

    # when a backup is made meanwhile,
    back_up(sqlite_house, file)
    meanwhile = len(received) - amount
    done.set()
    for thread in threads:
        thread.join()

    # then nobody was refused, and it is sound and holds all rows of before, and of later ones the first without a gap.
    assert set(statuses) == {200} and meanwhile > 0
    house = put_back(file)
    assert house.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    ids = [row["id"] for row in house.log()]
    assert known <= set(ids) and ids == list(range(1, len(ids) + 1))
    rows = {row["id"]: row for row in sqlite_house.log()}
    assert house.log() == [rows[each] for each in ids]


@pytest.mark.slow
def test_a_full_disk_leaves_no_part_of_a_backup(sqlite_house, file, tmp_path):
    for number in range(200):
        make_person(sqlite_house, f"person-{number}", password=None)
    before = (tmp_path / "instance" / "mintmark.sqlite").stat().st_size
    made, limit = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before // 3, limit[1]))
    try:
        made.append(sqlite_house.run("backup", str(file)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)

    assert made[0].exit_code == 1 and "No backup was made" in made[0].stderr, made[0].output
    assert list(file.parent.iterdir()) == []
    back_up(sqlite_house, file)


@pytest.mark.slow
def test_a_backup_that_is_told_to_end_leaves_no_part_of_it(sqlite_house, file):
    slowly = (
        "import sys, time; from mintmark.backup import sqlite; sqlite._PAGES = 1; sqlite._PAUSE_SECONDS = 0.2\n"
        "from app import create_app; create_app().test_cli_runner().invoke(args=sys.argv[1:], catch_exceptions=False)"
    )
    environ = {f"MINTMARK_{name}": value for name, value in sqlite_house.overrides.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", slowly, "backup", str(file)], cwd=ROOT, env={**os.environ, **environ}
    )
    deadline = time.monotonic() + 30
    while not list(file.parent.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(file.parent.iterdir())
    process.terminate()
    process.wait(timeout=20)

    assert list(file.parent.iterdir()) == []


# PostgreSQL


def postgresql_house(empty_postgresql, tmp_path):
    (tmp_path / "instance").mkdir(mode=0o700)
    return House({"INSTANCE": str(tmp_path / "instance"), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": empty_postgresql})


@pytest.fixture
def plain_house(request, tmp_path):
    """A house on PostgreSQL, whose last `site` row is as the next test expects it."""
    house = postgresql_house(request.getfixturevalue("empty_postgresql"), tmp_path)
    yield house
    house.close()


@pytest.mark.slow
def test_a_dump_is_put_back_by_pg_restore_and_serves_after_after_restore(house, file, tmp_path):
    if house.mint.settings.is_sqlite:
        return  # That has its own tests, above.
    for program in ("pg_dump", "pg_restore"):
        if postgresql.shutil.which(program) is None:
            skip_or_fail(f"{program} is not on this machine")
    # Given a site of which a backup was made, and from which something was taken since,
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    make_asset(house, "a")
    house.run("keys", "make", "k1", "--algorithm", "ES256")
    client = house.signed_in("ben")
    assert client.get("/a").status_code == 200
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)  # As the service does when it starts.
    last = house.log()[-1]["id"]
    result = house.run("backup", str(file))
    assert result.exit_code == 0, result.output
    assert f"rows of the log, the last of them {last} of" in result.stdout
    assert "createdb" in result.stdout and "pg_restore" in result.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(list(file.parent.iterdir())) == 1
    assert house.run("keys", "revoke", "k1", "--yes").exit_code == 0
    log = export_log(house, tmp_path / "log.jsonl")

    # when it is put back into another database,
    with postgresql_from(file, tmp_path / "elsewhere", SEALING_KEY=SEALING_KEY) as restored:
        # then it holds what it held, and serves only when after-restore took away what was taken since.
        assert [row["username"] for row in restored.rows("SELECT username FROM person ORDER BY 1")] == ["ada", "ben"]
        assert restored.log() == [row for row in house.log() if row["id"] <= last]
        refused = restored.run("init")
        assert refused.exit_code == 1 and "after-restore" in refused.stderr
        done = restored.run("after-restore", "--log", str(log))
        assert done.exit_code == 0 and "signing key k1: revoked" in done.stdout, done.output
        assert restored.run("init").exit_code == 0
        assert "k1" not in [key["kid"] for key in restored.client().get("/.well-known/jwks.json").json["keys"]]
        assert min(row["id"] for row in restored.log() if row["id"] > last) > max(row["id"] for row in house.log())
        replaced = restored.run("after-restore", "--without-log")
        assert replaced.exit_code == 0 and "in its place" in replaced.stdout, replaced.output


@pytest.mark.slow
def test_no_password_stands_among_the_arguments_of_pg_dump(tmp_path, monkeypatch):
    url = "postgresql://somebody:s3cret-word@127.0.0.1:5999/mintmark?sslmode=require&connect_timeout=3"
    house = House({"INSTANCE": str(tmp_path / "i"), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": url})
    with house.app.app_context():
        environment = postgresql._environment(db.engine)

    found = {
        name: environment[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")
    }
    assert found == {"PGHOST": "127.0.0.1", "PGPORT": "5999", "PGUSER": "somebody", "PGPASSWORD": "s3cret-word",
                     "PGDATABASE": "mintmark", "PGSSLMODE": "require"}  # fmt: skip
    assert not [name for name in environment if name.startswith("MINTMARK_")]
    assert "s3cret-word" not in " ".join(postgresql._OPTIONS)
    house.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "pg_dump is not on this machine"),
        ("echo 'pg_dump (PostgreSQL) 9.6.24'", "an older"),
        ('case $1 in --version) echo "pg_dump (PostgreSQL) 99.1";; *) echo "no space" >&2; exit 1;; esac', "no space"),
    ],
)
def test_a_pg_dump_that_is_missing_too_old_or_fails_leaves_no_file(
    plain_house, file, tmp_path, monkeypatch, script, words
):
    programs = tmp_path / "programs"
    programs.mkdir()
    if script is not None:
        for name in ("pg_dump", "pg_restore"):
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    result = plain_house.run("backup", str(file))

    assert result.exit_code == 1 and words in result.stderr, result.output
    assert list(file.parent.iterdir()) == []


def test_the_test_cluster_is_reached(request):
    """Without PostgreSQL the tests above would say nothing."""
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        skip_or_fail(f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
