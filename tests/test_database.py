"""The database: brought up to date safely, written in turn, and honest when it cannot be written."""

import base64
import os
import sqlite3
import threading
import time

import psycopg
import pytest
from sqlalchemy import text

from mintmark import site
from mintmark.database import bring_up_to_date
from mintmark.errors import Busy, ConfigurationError
from mintmark.models import db, writing
from mintmark.people import find_person
from tests.conftest import POSTGRESQL, SEALING_KEY, House, skip_or_fail
from tests.making import make_asset, make_group, make_person

pytestmark = pytest.mark.both_databases


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request, tmp_path):
    """Overrides that name a database without any table."""
    overrides = {"INSTANCE": str(tmp_path / "new"), "SEALING_KEY": SEALING_KEY}
    if request.param == "sqlite":
        yield overrides
        return
    name = f"mintmark_new_{os.getpid()}"
    try:
        admin = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        skip_or_fail(f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
    with admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        yield {**overrides, "DATABASE_URL": POSTGRESQL.rpartition("/")[0] + "/" + name}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


def bring(house):
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)


# SQLAlchemy does not read back indexes over expressions on SQLite; on PostgreSQL it does.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_init_makes_the_tables_of_the_models_and_may_be_repeated(new_database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    house = House(new_database)
    for _ in range(3):
        bring(house)
    with house.app.app_context(), db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
    assert len(house.rows("SELECT * FROM site")) == 1
    house.close()


def test_two_nodes_that_start_at_once_make_one_site(new_database):
    houses, failures = [House(new_database) for _ in range(4)], []

    def start(house):
        try:
            bring(house)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(house,)) for house in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    codes = set()
    for house in houses:
        with house.app.app_context():
            codes.add(site.setup_code(sealer=house.mint.settings.sealer))
    assert len(codes) == 1
    for house in houses:
        house.close()


def test_a_migration_that_is_killed_leaves_nothing_behind(new_database, monkeypatch):
    from alembic import op

    house, made = House(new_database), []

    def create_table(*arguments, real=op.create_table, **options):
        made.append(arguments[0])
        if len(made) == 5:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(op, "create_table", create_table)
        bring(house)
    with house.app.app_context():
        assert db.inspect(db.engine).get_table_names() == []
    bring(house)
    assert len(house.rows("SELECT * FROM site")) == 1
    house.close()


def test_a_wrong_sealing_key_is_refused_before_anything_is_changed(database):
    right = House(database)
    wrong = House({**database, "SEALING_KEY": "test:" + base64.b64encode(b"w" * 32).decode()})
    before = right.rows("SELECT * FROM site")

    with pytest.raises(ConfigurationError, match="MINTMARK_SEALING_KEY"):
        bring(wrong)

    result = wrong.run("init")
    assert result.exit_code == 1 and "MINTMARK_SEALING_KEY" in result.stderr
    assert right.rows("SELECT * FROM site") == before
    right.close()
    wrong.close()


def test_what_a_writer_began_is_wholly_there_or_not_at_all(house):
    make_person(house, "ben")
    with house.app.app_context():
        with pytest.raises(ZeroDivisionError), writing():
            find_person("ben").first_name = "half"
            raise ZeroDivisionError
        assert find_person("ben").first_name is None


def test_writers_of_many_threads_wait_for_each_other_and_none_is_lost(house):
    def write(number):
        make_group(house, f"group {number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(house.rows("SELECT * FROM people_group")) == 20


@pytest.mark.slow
def test_a_locked_sqlite_file_costs_at_most_some_seconds_and_gives_no_token(sqlite_house, tmp_path):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "a")
    client = sqlite_house.signed_in("ben")
    other = sqlite3.connect(tmp_path / "instance" / "mintmark.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    began = time.monotonic()
    assert client.get("/a").status_code == 503
    with sqlite_house.app.app_context(), pytest.raises(Busy), writing():
        pass
    assert time.monotonic() - began < 8
    other.execute("ROLLBACK")
    other.close()

    assert client.get("/a").status_code == 200


def test_a_connection_that_died_while_idle_is_replaced_without_anybody_noticing(house):
    make_person(house, "ben")
    make_asset(house, "a")
    client = house.signed_in("ben")
    assert client.get("/a").status_code == 200
    if house.mint.settings.is_sqlite:
        for connection in house.mint.wire._idle:
            connection.close()
    else:
        with psycopg.connect(house.overrides["DATABASE_URL"], autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    statuses = [client.get("/a").status_code for _ in range(3)]

    assert set(statuses) <= {200, 503} and statuses[-1] == 200
    assert len(house.log("token.issued")) == 1 + statuses.count(200)


def test_a_database_that_is_gone_is_an_empty_503_within_seconds_and_comes_back(make_house, tmp_path):
    house = make_house()
    make_person(house, "ben")
    make_asset(house, "a")
    client = house.signed_in("ben")
    house.mint.wire.close()
    if not house.mint.settings.is_sqlite:
        return  # PostgreSQL stopped for a minute is a test of the service (make faults).
    database = tmp_path / "instance" / "mintmark.sqlite"
    with house.app.app_context():
        db.engine.dispose()
    for path in tmp_path.joinpath("instance").glob("mintmark.sqlite-*"):
        path.unlink()
    content = database.read_bytes()
    database.write_bytes(b"this is no database " * 400)

    began = time.monotonic()
    answer = client.get("/a")

    assert (answer.status_code, answer.data) == (503, b"")
    page = client.get("/")
    assert page.status_code == 503 and "Try again" in page.text
    assert time.monotonic() - began < 2
    house.mint.wire.close()
    database.write_bytes(content)
    assert client.get("/a").status_code == 200


def test_what_is_deleted_is_not_left_in_the_file(sqlite_house, tmp_path):
    make_group(sqlite_house, "CANARY-group-that-is-deleted")
    with sqlite_house.app.app_context(), writing() as session:
        session.execute(text("DELETE FROM people_group"))
        session.execute(text("DELETE FROM log"))
    with sqlite_house.app.app_context(), db.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    sqlite_house.close()

    assert b"CANARY" not in (tmp_path / "instance" / "mintmark.sqlite").read_bytes()
