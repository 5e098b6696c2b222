"""Deadlines: no request waits for ever for a database that says nothing, and each is served again when it speaks."""

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from mintmark.errors import Busy
from mintmark.models import db, postgresql, writing
from mintmark.models.patience import in_time, left, patience
from mintmark.models.together import Together
from tests.conftest import POSTGRESQL, SEALING_KEY, House
from tests.making import make_asset, make_key, make_person
from tests.test_probes import Wire, wait_for

# What a thread on a loaded machine may need beside the waiting.
LATE = 2.0


@contextmanager
def within(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.fixture
def wired(tmp_path, empty_postgresql):
    """A house whose requests have deadlines, as a worker's have, and the wire between it and PostgreSQL."""
    with psycopg.connect(empty_postgresql, autocommit=True) as connection:
        names = [f'"{table.name}"' for table in reversed(db.metadata.sorted_tables) if table.name != "site"]
        connection.execute("; ".join(f"DELETE FROM {name}" for name in names))
    wire = Wire(make_url(empty_postgresql))
    house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": wire.url})
    house.app.wsgi_app = in_time(house.app.wsgi_app)
    yield house, wire
    wire.thaw()
    house.close()
    wire.close()


def threads_of(*names):
    return [thread.name for thread in threading.enumerate() if thread.name in names]


def sleep_for(house, seconds):
    with house.app.app_context(), db.engine.connect() as connection:
        connection.execute(text(f"SELECT pg_sleep({seconds})"))


def doors(house, client):
    """Ask at every kind of door; return the statuses."""
    answers = {
        "token": client.get("/a"),
        "page": client.get("/"),
        "sign-in": house.client().post("/login", data={"username": "ben", "password": "x"}),
        "json": house.client().post("/auth/jwt", json={"token": "e30.e30.e30"}),
        "keys": house.client().get("/.well-known/jwks/a"),
    }
    assert answers["token"].status_code == 200 or answers["token"].data == b""
    return {name: answer.status_code for name, answer in answers.items()}


def furnish(house):
    make_person(house, "ben")
    make_key(house, "k1")
    make_asset(house, "a", signing_key="k1", algorithm="ES256")
    return house.signed_in("ben")


@pytest.mark.slow
def test_a_frozen_database_costs_one_request_its_deadline_and_all_others_nothing(wired):
    house, wire = wired
    client = furnish(house)
    before = doors(house, client)
    assert (before["token"], before["page"], before["keys"]) == (200, 200, 200)

    wire.freeze()
    with within(LATE):
        assert client.get("/a").status_code == 503
    with within(LATE):  # All five, at once.
        during = doors(house, client)
    with within(LATE):
        page = client.get("/")

    assert during == {"token": 503, "page": 503, "sign-in": during["sign-in"], "json": during["json"], "keys": 200}
    assert page.status_code == 503 and "Try again" in page.text
    assert threads_of("probe") == ["probe"]
    wire.thaw()
    wait_for(lambda: not threads_of("probe"))
    assert doors(house, client) == before


@pytest.mark.slow
def test_a_server_that_takes_connections_and_says_nothing_is_given_up_in_time(wired):
    house, wire = wired
    client = furnish(house)
    house.mint.wire.close()
    with house.app.app_context():
        db.engine.dispose()

    wire.freeze()
    with within(LATE):
        assert client.get("/a").status_code == 503

    wire.thaw()
    wait_for(lambda: not threads_of("probe", "connect"))
    assert client.get("/a").status_code == 200


@pytest.mark.slow
def test_one_slow_statement_is_given_up_and_ended_and_others_are_served_at_once(wired):
    house, _wire = wired
    client = furnish(house)

    with pytest.raises(OperationalError, match="in time"), patience(0.2), within(1):
        sleep_for(house, 33)
    wait_for(lambda: not threads_of("probe"))  # The server answers: nobody else was slow.

    assert client.get("/a").status_code == 200
    with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(33)%'"
        wait_for(lambda: admin.execute(running).fetchone() == (0,))


@pytest.mark.slow
def test_all_waits_of_a_request_are_counted_together_and_without_a_deadline_none_is(wired):
    house, _wire = wired

    with patience(0.5):
        sleep_for(house, 0.3)
        with pytest.raises(OperationalError), within(0.4):
            sleep_for(house, 0.3)
    wait_for(lambda: not threads_of("probe"))

    sleep_for(house, 0.3)


def test_a_deadline_ends_with_its_request(wired):
    house, _wire = wired

    assert house.client().get("/login").status_code == 200

    assert left(99.0) == 99.0


@pytest.mark.slow
def test_after_every_connection_was_ended_the_first_page_and_the_first_token_are_right(
    tmp_path, wired, empty_postgresql
):
    house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": empty_postgresql})
    house.app.wsgi_app = in_time(house.app.wsgi_app)
    client = furnish(house)
    for path in ("/a", "/"):
        assert (client.get("/").status_code, client.get("/a").status_code) == (200, 200)
        with psycopg.connect(empty_postgresql, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        assert client.get(path).status_code == 200, path
    house.close()


@pytest.mark.slow
def test_writers_before_a_locked_sqlite_file_each_wait_two_seconds_at_most(sqlite_house, tmp_path):
    waited = []

    def write():
        began = time.monotonic()
        with sqlite_house.app.app_context(), pytest.raises(Busy), writing():
            pass
        waited.append(time.monotonic() - began)

    with closing(sqlite3.connect(tmp_path / "instance" / "mintmark.sqlite", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=write) for _ in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

    assert len(waited) == 6 and max(waited) < 3  # One after the other they would take twelve.


def test_a_request_that_writes_twice_waits_once(sqlite_house, tmp_path):
    with closing(sqlite3.connect(tmp_path / "instance" / "mintmark.sqlite", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with sqlite_house.app.app_context(), patience(0.2), within(1):
            for _ in range(2):
                with pytest.raises(Busy), writing():
                    pass

    with sqlite_house.app.app_context(), writing():
        pass


def test_a_probe_that_is_answered_at_once_ends_the_silence_for_good(monkeypatch):
    server = postgresql.Server()
    monkeypatch.setattr(postgresql.Connection, "connect", lambda *address, **options: refuse())

    for _ in range(100):
        server.give_up()

        wait_for(lambda: not server.is_silent)


def refuse():
    raise psycopg.OperationalError("refused, which is an answer")


@pytest.mark.slow
def test_a_session_that_somebody_else_has_locked_stops_nobodys_tokens(wired):
    # Given two people whose use is due to be written down, and one whose session is locked,
    house, wire = wired
    make_asset(house, "a")
    for name in ("ada", "ben"):
        make_person(house, name, password=None)
    ada, ben = house.signed_in("ada"), house.signed_in("ben")
    house.clock.advance(120)
    with house.app.app_context(), db.engine.connect() as other:
        other.execute(
            text("SELECT 1 FROM session WHERE person_id = (SELECT id FROM person WHERE username = 'ada') FOR UPDATE")
        )

        # when both ask, then both get theirs at once.
        with within(1 + LATE):
            assert [each.get("/a").status_code for each in (ada, ben)] == [200, 200]


@pytest.mark.slow
def test_who_has_little_time_left_fails_nobody_else(sqlite_house):
    # Given one who comes while another works, with almost no time left, and others with all of theirs,
    asked, working, may_go_on = [], threading.Event(), threading.Event()

    def serve(take):
        working.set()
        may_go_on.wait(10)
        for place in take():
            asked.append(left(10))
            place.settle("well")

    many, found = Together(serve), {}

    def ask(name, seconds):
        with patience(seconds):
            try:
                found[name] = many.ask(name)
            except Busy:
                found[name] = "busy"

    threads = [threading.Thread(target=ask, args=each) for each in (("first", 5), ("late", 0.1), ("others", 5))]
    threads[0].start()
    working.wait(10)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.5)
    may_go_on.set()
    for thread in threads:
        thread.join(10)

    # then only that one is told to try again, and what the others waited is taken from what they may wait.
    assert found["late"] == "busy" and found["others"] == "well"
    assert all(seconds > 1 for seconds in asked)
