"""The whole service in processes of its own: how it starts, what it refuses, what the server does beneath it.

What happens to it under load (killed, stopped, starved) is in tests/faults.
"""

import os
import re
import shutil
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from tests.conftest import SEALING_KEY, House
from tests.making import make_asset
from tests.serving import Service, cookies_of, free_port, setup_link, start_and_read

pytestmark = pytest.mark.slow


@pytest.fixture
def service(database, tmp_path):
    service = Service({**database, "SQLITE_SYNCHRONOUS": "full"}, tmp_path / "service.log")
    yield service
    service.stop()


@pytest.fixture
def one_service(tmp_path, empty_sqlite):
    """A service on SQLite, for what does not depend on the engine."""
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    overrides = {"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "full"}
    service = Service(overrides, tmp_path / "service.log")
    yield service
    service.stop()


def prepare(service, people=1):
    house = House(service.overrides)
    make_asset(house, "a")
    house.close()
    return cookies_of(service.overrides, [f"p{number}" for number in range(people)])


# Starting


def test_a_second_one_beside_it_refuses_with_the_reason(one_service, tmp_path):
    one_service.start()

    same = start_and_read(one_service.settings)
    other_folder = start_and_read(
        {"MINTMARK_INSTANCE": str(tmp_path / "other"), "MINTMARK_BIND": f"127.0.0.1:{one_service.port}"}
    )

    assert same.returncode == 1 and "already" in same.stderr
    assert other_folder.returncode == 1 and "cannot be served on" in other_folder.stderr
    assert one_service.get("/login")[0] == 200


def test_it_starts_and_prints_the_link_until_it_was_used(one_service):
    began = time.monotonic()
    one_service.start()
    print(f"started within {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < 50  # The goal is 5 seconds.

    link = setup_link(one_service.log.read_text())
    assert one_service.get(link)[0] == 200
    assert "program.said" not in one_service.log.read_text()  # Whoever starts it first has nothing to worry about.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MINTMARK_WORKER": "2"}, "MINTMARK_WORKER"),
        ({"MINTMARK_BIND": "0.0.0.0:8000"}, "MINTMARK_BASE_URL"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ({"MINTMARK_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "database"),
        ({"MINTMARK_DATABASE_URL": "sqlite:////nonexistent/folder/x.sqlite"}, "database"),
    ],
)
def test_what_cannot_work_stops_the_start_with_one_line(tmp_path, settings, words):
    result = start_and_read(
        {"MINTMARK_INSTANCE": str(tmp_path / "i"), "MINTMARK_BIND": f"127.0.0.1:{free_port()}", **settings}
    )

    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_sealing_key_stops_the_start_and_changes_nothing(service):
    prepare(service)
    house = House(service.overrides)
    before = house.rows("SELECT * FROM secret"), house.rows("SELECT * FROM site")
    house.close()

    result = start_and_read({**service.settings, "MINTMARK_SEALING_KEY": "test:" + "A" * 43 + "="})

    assert result.returncode == 1
    assert "MINTMARK_SEALING_KEY" in result.stderr and "AAAA" not in result.stderr
    house = House(service.overrides)
    assert (house.rows("SELECT * FROM secret"), house.rows("SELECT * FROM site")) == before
    house.close()


# The server's traps


def test_a_variable_that_looks_like_a_header_is_none_and_the_environment_reaches_no_request(one_service):
    one_service.overrides["TRUSTED_PROXIES"] = "1"
    cookies = prepare(one_service)
    one_service.start(HTTP_X_FORWARDED_FOR="6.6.6.6", HTTP_AUTHORIZATION="Bearer x")

    assert one_service.get("/a", cookies[0])[0] == 200
    house = House(one_service.overrides)
    assert house.log("token.issued")[0]["address"] == "127.0.0.1"
    house.close()


def test_answers_name_no_server_and_hosts_and_methods_are_held_by_the_real_server_too(one_service):
    cookies = prepare(one_service)
    one_service.start()

    status, headers, body = one_service.get("/a", cookies[0])
    assert status == 200 and headers.get("server", "") == "" and headers["content-type"] == "application/jwt"
    for kind in ({"headers": {"Host": "evil.test"}}, {"method": "HEAD"}, {"method": "POST"}):
        status, headers, body = one_service.get("/a", cookies[0], **kind)
        assert status in (400, 405) and body == b"" and "content-type" not in headers
    assert one_service.get("/integrations%2Fnone", cookies[0])[0] == 404
    assert one_service.get("//a", cookies[0])[0] == 404
    assert one_service.get("/static/mark.svg")[0] == 200
    assert one_service.get("/static/../app.py")[0] == 404


def test_a_chunked_body_is_refused_not_cut(one_service):
    one_service.start()
    with socket.create_connection(("127.0.0.1", one_service.port), timeout=10) as connection:
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{one_service.port}\r\nTransfer-Encoding: chunked\r\n"
        connection.sendall(
            (head + "Content-Type: application/x-www-form-urlencoded\r\n\r\n1\r\na\r\n0\r\n\r\n").encode()
        )
        assert b" 411 " in connection.recv(200).split(b"\r\n")[0]


def test_a_body_that_is_shorter_than_announced_is_400_and_what_is_refused_early_has_an_id_too(one_service):
    cookies = prepare(one_service)
    one_service.start()
    with socket.create_connection(("127.0.0.1", one_service.port), timeout=10) as connection:
        head = f"POST /a HTTP/1.1\r\nHost: 127.0.0.1:{one_service.port}\r\nCookie: {cookies[0]}\r\nContent-Length: 40\r\n\r\n{{}}"
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(2000)
    assert answer == b"" or (b" 400 " in answer.split(b"\r\n")[0] and b"mintmark-request" in answer)
    get = f"GET /a HTTP/1.1\r\nHost: 127.0.0.1:{one_service.port}\r\nCookie: {cookies[0]}\r\nContent-Length: 2\r\n\r\na".encode()
    slow = [socket.create_connection(("127.0.0.1", one_service.port), timeout=10) for _ in range(8)]
    for each in slow:
        each.sendall(get)
        assert b" 200 " in each.recv(2000).split(b"\r\n")[0]
    for each in slow:
        each.close()


def test_ctrl_c_in_a_terminal_ends_it_at_once(one_service):
    one_service.start(in_group=True)
    began = time.monotonic()
    os.killpg(one_service.process.pid, signal.SIGINT)
    one_service.process.wait(timeout=20)

    assert time.monotonic() - began < 5
    assert "refused" not in one_service.log.read_text()


def test_no_core_dump_holds_a_key(one_service):
    one_service.start()
    for pid in [one_service.process.pid, *one_service.workers()]:
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)


def test_http_2_in_clear_is_not_spoken(one_service):
    one_service.start()
    with socket.create_connection(("127.0.0.1", one_service.port), timeout=10) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert connection.recv(100)[3:4] != b"\x04"


def test_every_file_of_the_instance_folder_is_its_owners_alone(tmp_path):
    folder = tmp_path / "new" / "instance"
    service = Service({"INSTANCE": str(folder)}, tmp_path / "log")
    old = os.umask(0)
    try:
        service.start()
        cookies = prepare(service)
        assert service.get("/a", cookies[0])[0] == 200
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    finally:
        os.umask(old)
        service.stop()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"mintmark.sqlite", "mintmark.sqlite-wal", "sealing-key"} <= set(files)
    assert set(files.values()) == {0o600}, files


def test_nothing_secret_stands_in_the_environment_of_a_worker_that_forks(one_service):
    one_service.start()
    for pid in one_service.workers():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"MINTMARK" not in command and not re.search(rb"[A-Za-z0-9+/]{43}=", command)
