"""What a load balancer and a monitor ask of a node: the word, under any host, and in time whatever the database does."""

import json
import socket
import sqlite3
import threading
import time
from contextlib import closing, suppress

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from app import OPEN_ENDPOINTS, WITHOUT_SESSION
from mintmark.database import MIGRATIONS
from mintmark.models import db
from mintmark.web import probes
from tests.conftest import SEALING_KEY, House
from tests.test_jwks import no_database

HEALTH, READY = "/-/health", "/-/ready"
YES, NO = (200, "ready"), (503, "not ready")


def ask(house, path=READY, **headers):
    answer = house.client().get(path, headers=headers)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    return answer.status_code, answer.text


def timed(house):
    """Ask for readiness, and return the answer only where it came within two seconds."""
    began = time.monotonic()
    answer = ask(house)
    assert time.monotonic() - began < 2
    return answer


def reasons(capsys):
    """Return what standard output said since the last time of why a node is not ready."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["why"] for line in lines if line["event"] == "node.not_ready"]


def change(house, *statements):
    with house.app.app_context(), db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def lookers():
    return [thread for thread in threading.enumerate() if thread.name == "ready"]


def wait_for(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Wire:
    """Stands between a site and PostgreSQL; while it is frozen it takes connections and passes nothing on."""

    def __init__(self, url):
        self._target = (url.host, url.port or 5432)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = url.set(host="127.0.0.1", port=self._server.getsockname()[1]).render_as_string(hide_password=False)
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        self._flowing.clear()

    def thaw(self):
        self._flowing.set()

    def cut(self):
        """End every connection, as the end of PostgreSQL's processes does."""
        while self._sockets:
            _end(self._sockets.pop())

    def close(self):
        self.thaw()
        _end(self._server)
        self.cut()

    def _accept(self):
        while True:
            try:
                near = self._server.accept()[0]
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while part := source.recv(65536):
                self._flowing.wait()
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def _end(each):
    """Wake whoever waits in it, then close it."""
    with closing(each), suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wired(tmp_path, empty_postgresql):
    """A house on PostgreSQL, and the wire between them."""
    wire = Wire(make_url(empty_postgresql))
    house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": wire.url})
    yield house, wire
    wire.thaw()
    wait_for(lambda: not lookers())
    house.close()
    wire.close()


@pytest.mark.both_databases
def test_a_node_that_can_serve_is_ready_and_says_nothing_but_the_word(house, capsys):
    assert ask(house, HEALTH) == (200, "ok")
    assert [ask(house), ask(house)] == [YES, YES]
    assert capsys.readouterr().out == ""


def test_both_answer_under_any_host_and_without_a_session(sqlite_house):
    for host in ("10.0.0.7:8000", "node-3.internal", "localhost"):
        assert ask(sqlite_house, HEALTH, Host=host) == (200, "ok")
        assert ask(sqlite_house, Host=host) == YES
    for path in ("/-/healthy", "/-/ready/", "/-/Ready", "/-/health/x"):
        assert sqlite_house.client().get(path).status_code == 404, path
    assert probes.ENDPOINTS <= WITHOUT_SESSION <= OPEN_ENDPOINTS


@pytest.mark.parametrize("path", [HEALTH, READY])
def test_both_are_only_got(sqlite_house, path):
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = sqlite_house.client().open(path, method=method)
        assert (answer.status_code, answer.data, answer.headers["Allow"]) == (405, b"", "GET, HEAD"), method
        assert answer.headers["Cache-Control"] == "no-store"

    head = sqlite_house.client().head(path)
    assert (head.status_code, head.data) == (200, b"")


def test_under_a_base_url_with_a_path_both_are_below_it(sqlite_house):
    house = House({**sqlite_house.overrides, "BASE_URL": "https://www.uni.test/tokens"})

    assert (ask(house, "/tokens/-/health"), ask(house, "/tokens/-/ready")) == ((200, "ok"), YES)
    assert house.client().get(READY, headers={"Host": "www.uni.test"}).status_code == 404
    house.close()


@pytest.mark.both_databases
def test_without_a_database_a_node_lives_and_is_not_ready_until_it_comes_back(house, capsys):
    with no_database(house):
        assert ask(house, HEALTH) == (200, "ok")
        assert timed(house) == NO
        assert reasons(capsys) == ["the database is gone"]

    assert ask(house) == YES


def test_the_reason_is_said_once_a_minute_also_where_the_clock_is_put_back(sqlite_house, capsys):
    house, said = sqlite_house, []
    with no_database(house):
        for seconds in (0, 1, 58, 1, 59, -7200):
            house.clock.advance(seconds)
            assert ask(house) == NO
            said.append(len(reasons(capsys)))

    assert said == [1, 0, 0, 1, 0, 1]


def test_a_database_file_that_is_removed_is_missed_and_not_made_anew(sqlite_house, capsys):
    house = sqlite_house
    assert ask(house) == YES
    file = house.mint.settings.instance / "mintmark.sqlite"
    file.rename(file.with_name("elsewhere"))

    assert (ask(house, HEALTH), timed(house)) == ((200, "ok"), NO)

    assert reasons(capsys) == ["there is no database file"] and not file.exists()
    file.with_name("elsewhere").rename(file)
    assert ask(house) == YES


@pytest.mark.both_databases
def test_a_schema_must_be_as_new_as_the_code_or_newer(house, capsys):
    [before] = house.rows("SELECT version_num FROM alembic_version")
    head = before["version_num"]
    try:
        for revision, expected in (("0001", NO), ("9999", YES), (head, YES)):
            change(house, f"UPDATE alembic_version SET version_num = '{revision}'")
            assert ask(house) == expected, revision
        assert reasons(capsys) == [f"the schema is at 0001, this code wants {head}"]
        house.clock.advance(60)
        change(house, "DELETE FROM alembic_version")
        assert ask(house) == NO
        assert reasons(capsys) == [f"the schema is at nothing, this code wants {head}"]
    finally:
        change(house, "DELETE FROM alembic_version", f"INSERT INTO alembic_version VALUES ('{head}')")


def test_revisions_are_numbered_so_that_a_newer_one_is_the_greater_text():
    newest_first = [each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]

    assert newest_first == [f"{number:04}" for number in range(len(newest_first), 0, -1)]
    assert probes.WANTED == newest_first[0]


def test_a_database_that_was_never_set_up_is_not_ready(tmp_path, capsys):
    house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY})
    assert ask(house) == NO
    with house.app.app_context(), db.engine.connect():
        pass  # This makes an empty file.
    house.clock.advance(60)

    assert ask(house) == NO

    assert reasons(capsys) == ["there is no database file", "no such table: site"]
    house.close()


@pytest.mark.slow
def test_a_locked_database_file_is_answered_for_in_time(sqlite_house, capsys):
    house = sqlite_house
    file = house.mint.settings.instance / "mintmark.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as another:
        another.execute("PRAGMA locking_mode=EXCLUSIVE")
        another.execute("BEGIN EXCLUSIVE")
        assert timed(house) == NO  # SQLite itself waits for longer.
        assert reasons(capsys) == ["the database does not answer in time"]

    wait_for(lambda: not lookers())
    assert ask(house) == YES


def test_a_frozen_database_is_not_ready_in_time_and_asked_by_one_thread_only(wired, capsys):
    house, wire = wired
    assert timed(house) == YES
    wire.freeze()  # The connection that was kept answers no more, and nor would a new one.

    answers = []
    threads = [threading.Thread(target=lambda: answers.append(timed(house))) for _ in range(3)]
    [thread.start() for thread in threads]
    time.sleep(0.1)
    assert ask(house, HEALTH) == (200, "ok")
    [thread.join() for thread in threads]

    assert answers == [NO, NO, NO]
    began = time.monotonic()
    assert timed(house) == NO  # At once, for the last question stands.
    assert time.monotonic() - began < 1 and len(lookers()) == 1
    assert reasons(capsys) == ["the database does not answer in time"]

    wire.thaw()
    wait_for(lambda: not lookers())
    assert timed(house) == YES


@pytest.mark.slow
def test_a_database_that_froze_and_was_killed_is_found_again_at_once(wired, capsys):
    house, wire = wired
    assert timed(house) == YES
    wire.freeze()
    assert timed(house) == NO

    wire.cut()
    wire.thaw()
    wait_for(lambda: not lookers())

    assert timed(house) == YES
    assert reasons(capsys) == ["the database does not answer in time"]
