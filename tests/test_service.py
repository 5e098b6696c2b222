"""The whole service in processes of its own: killed, stopped, started twice (ASVS 16.5.2, 16.5.3)."""

import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import House
from tests.making import make_asset
from tests.serving import ROOT, Clients, Service, cookies_of, free_port, jti_of, setup_link

pytestmark = pytest.mark.slow
CLIENTS = 50


@pytest.fixture
def service(database, tmp_path):
    service = Service({**database, "SQLITE_SYNCHRONOUS": "full"}, tmp_path / "service.log")
    yield service
    service.stop()


def prepare(service, people=CLIENTS):
    house = House(service.overrides)
    make_asset(house, "a")
    house.close()
    return cookies_of(service.overrides, [f"p{number}" for number in range(people)])


def assert_each_token_has_exactly_one_row(service, clients):
    house = House(service.overrides)
    rows = Counter(row["jti"] for row in house.rows("SELECT jti FROM log WHERE event = 'token.issued'"))
    house.close()
    received = [jti_of(token) for token in clients.tokens]
    assert len(set(received)) == len(received)
    assert {rows[jti] for jti in received} == {1}
    assert set(clients.statuses) <= {200, 503}
    print(
        f"{len(received)} tokens, {sum(rows.values())} rows, {clients.statuses}, {clients.failures} broken connections"
    )


def test_each_token_has_exactly_one_row_while_a_worker_is_killed_every_two_seconds(service):
    cookies = prepare(service)
    service.start()
    main = service.process.pid
    rng = random.Random(1)

    with Clients(service, "/a", cookies) as clients:
        for _ in range(8):
            time.sleep(2)
            before = len(clients.tokens)
            os.kill(rng.choice(service.workers()), signal.SIGKILL)
        time.sleep(2)
        assert len(clients.tokens) > before

    assert service.process.poll() is None and service.process.pid == main
    assert len(service.workers()) == 2
    assert len(clients.tokens) > 500
    assert_each_token_has_exactly_one_row(service, clients)


def test_each_token_has_exactly_one_row_while_the_whole_service_is_killed_and_started_again(service):
    cookies = prepare(service)
    service.start()
    starts = []

    with Clients(service, "/a", cookies) as clients:
        for _ in range(6):
            time.sleep(1.5)
            service.kill()
            began = time.monotonic()
            service.start()
            starts.append(time.monotonic() - began)
        time.sleep(1)

    print("starts after kill -9:", [round(seconds, 2) for seconds in starts])
    assert max(starts) < 50  # The goal is 5 seconds; the machine is shared, and 50 clients hammer meanwhile.
    assert_each_token_has_exactly_one_row(service, clients)


def test_told_to_stop_it_ends_within_ten_seconds_and_answers_what_it_took(service):
    cookies = prepare(service, 10)
    service.start()
    with Clients(service, "/a", cookies) as clients:
        time.sleep(1)
        began = time.monotonic()
        service.stop()
        assert time.monotonic() - began < 10
    assert service.process.returncode == 0
    assert_each_token_has_exactly_one_row(service, clients)


def test_no_worker_outlives_its_main_process(service):
    service.start()
    workers = service.workers()
    service.kill()
    time.sleep(0.5)

    assert [pid for pid in workers if Path(f"/proc/{pid}").exists() and "Z" not in state_of(pid)] == []


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_worker_that_hangs_holding_everything_costs_two_seconds_and_then_503(service):
    cookies = prepare(service, 4)
    service.start()
    stopped = service.workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        with Clients(service, "/a", cookies):
            time.sleep(3)
    finally:
        os.kill(stopped, signal.SIGCONT)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and service.get("/a", cookies[0])[0] != 200:
        time.sleep(0.1)

    assert service.get("/a", cookies[0])[0] == 200


# Starting


def start_and_read(settings, timeout=20):
    return subprocess.run(
        [sys.executable, "-m", "mintmark.serve"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_a_second_one_beside_it_refuses_with_the_reason(service, tmp_path):
    service.start()

    same = start_and_read(service.settings)
    other_folder = start_and_read(
        {"MINTMARK_INSTANCE": str(tmp_path / "other"), "MINTMARK_BIND": f"127.0.0.1:{service.port}"}
    )

    assert same.returncode == 1 and "already" in same.stderr
    assert other_folder.returncode == 1 and "cannot be served on" in other_folder.stderr
    assert service.get("/login")[0] == 200


def test_it_starts_and_prints_the_link_until_it_was_used(service):
    began = time.monotonic()
    service.start()
    print(f"started within {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < 50  # The goal is 5 seconds.

    link = setup_link(service.log.read_text())
    assert service.get(link)[0] == 200


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
    prepare(service, 1)
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


def test_a_variable_that_looks_like_a_header_is_none_and_the_environment_reaches_no_request(service):
    service.overrides["TRUSTED_PROXIES"] = "1"
    cookies = prepare(service, 1)
    service.start(HTTP_X_FORWARDED_FOR="6.6.6.6", HTTP_AUTHORIZATION="Bearer x")

    assert service.get("/a", cookies[0])[0] == 200
    house = House(service.overrides)
    assert house.log("token.issued")[0]["address"] == "127.0.0.1"
    house.close()


def test_answers_name_no_server_and_hosts_and_methods_are_held_by_the_real_server_too(service):
    cookies = prepare(service, 1)
    service.start()

    status, headers, body = service.get("/a", cookies[0])
    assert status == 200 and headers.get("server", "") == "" and headers["content-type"] == "application/jwt"
    for kind in ({"headers": {"Host": "evil.test"}}, {"method": "HEAD"}, {"method": "POST"}):
        status, headers, body = service.get("/a", cookies[0], **kind)
        assert status in (400, 405) and body == b"" and "content-type" not in headers
    assert service.get("/integrations%2Fnone", cookies[0])[0] == 404
    assert service.get("//a", cookies[0])[0] == 404
    assert service.get("/static/mark.svg")[0] == 200
    assert service.get("/static/../app.py")[0] == 404


def test_a_chunked_body_is_refused_not_cut(service):
    service.start()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nTransfer-Encoding: chunked\r\n"
        connection.sendall(
            (head + "Content-Type: application/x-www-form-urlencoded\r\n\r\n1\r\na\r\n0\r\n\r\n").encode()
        )
        assert b" 411 " in connection.recv(200).split(b"\r\n")[0]


def test_others_are_served_while_slow_clients_send_their_headers_byte_by_byte(service):
    service.start()
    slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(100)]
    for each in slow:
        each.sendall(b"GET /login HTTP/1.1\r\nHost: 12")

    began = time.monotonic()
    assert service.get("/login")[0] == 200
    assert time.monotonic() - began < 2
    for each in slow:
        each.close()


def test_tokens_are_served_while_clients_hold_back_the_bodies_that_they_announced(service):
    cookies = prepare(service, 1)
    service.start()
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 100\r\n\r\nab".encode()
    slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(30)]
    for each in slow:
        each.sendall(head)
    time.sleep(0.5)

    began = time.monotonic()
    assert [service.get("/a", cookies[0])[0] for _ in range(10)] == [200] * 10
    assert time.monotonic() - began < 10
    for each in slow:
        each.close()


def test_a_body_that_is_shorter_than_announced_is_400_and_what_is_refused_early_has_an_id_too(service):
    cookies = prepare(service, 1)
    service.start()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        head = f"POST /a HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nCookie: {cookies[0]}\r\nContent-Length: 40\r\n\r\n{{}}"
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(2000)
    assert answer == b"" or (b" 400 " in answer.split(b"\r\n")[0] and b"mintmark-request" in answer)
    get = f"GET /a HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nCookie: {cookies[0]}\r\nContent-Length: 2\r\n\r\na".encode()
    slow = [socket.create_connection(("127.0.0.1", service.port), timeout=10) for _ in range(8)]
    for each in slow:
        each.sendall(get)
        assert b" 200 " in each.recv(2000).split(b"\r\n")[0]
    for each in slow:
        each.close()


def test_ctrl_c_in_a_terminal_ends_it_at_once(service):
    service.start(in_group=True)
    began = time.monotonic()
    os.killpg(service.process.pid, signal.SIGINT)
    service.process.wait(timeout=20)

    assert time.monotonic() - began < 5
    assert "refused" not in service.log.read_text()


def test_no_core_dump_holds_a_key(service):
    service.start()
    for pid in [service.process.pid, *service.workers()]:
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)


def test_http_2_in_clear_is_not_spoken(service):
    service.start()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert connection.recv(100)[3:4] != b"\x04"


def test_every_file_of_the_instance_folder_is_its_owners_alone(database, tmp_path):
    if "DATABASE_URL" in database:
        return  # The folder is the same for both engines; SQLite's has more files.
    folder = tmp_path / "new" / "instance"
    service = Service({"INSTANCE": str(folder)}, tmp_path / "log")
    old = os.umask(0)
    try:
        service.start()
        cookies = prepare(service, 1)
        assert service.get("/a", cookies[0])[0] == 200
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    finally:
        os.umask(old)
        service.stop()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"mintmark.sqlite", "mintmark.sqlite-wal", "sealing-key"} <= set(files)
    assert set(files.values()) == {0o600}, files


def test_nothing_secret_stands_in_the_environment_of_a_worker_that_forks(service):
    service.start()
    for pid in service.workers():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"MINTMARK" not in command and not re.search(rb"[A-Za-z0-9+/]{43}=", command)
