"""Several nodes over one PostgreSQL database, behind HAProxy with docs/haproxy-nodes.cfg: whole services, real programs.

What is replaced in that file: addresses and folders, and https by http.
"""

import csv
import http.client
import json
import os
import shutil
import socket
import threading
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlencode

import psycopg
import pytest
import redis
from joserfc.jwk import KeySet, OctKey

from mintmark import people
from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.keys.life import WAIT_SECONDS
from mintmark.models import db, writing
from mintmark.people import find_person
from tests.conftest import PASSWORD, POSTGRESQL, SEALING_KEY, SECRET, House, csrf_of, skip_or_fail
from tests.making import change_asset, make_asset, make_key, make_next_key, make_person
from tests.relying_party import Token
from tests.servers.running import filled, find_program, running
from tests.serving import ROOT, Clients, Service, free_port, jti_of, setup_link

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ROUNDS = 5 if float(os.environ.get("FAULTS_SCALE", "0.1")) >= 1 else 1
START_SECONDS = 60  # At the latest: the machine may have others to start as well.
NEXT_SECRET = "the-secret-that-follows-at-the-help-desk-9876"
TEMPLATE = '{"aud": "desk", "sub": "{{ user.username }}"}'


@contextmanager
def new_database(name):
    """Yield the address of an empty PostgreSQL database, which goes at the end."""
    try:
        admin = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        skip_or_fail(f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
    name = f"mintmark_nodes_{name}_{os.getpid()}"
    with closing(admin):
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # No power is cut here.
        try:
            yield POSTGRESQL.rpartition("/")[0] + "/" + name
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def two_services(folder, url, **overrides):
    """Return two nodes that have nothing in common but the database and the sealing key."""
    common = {"DATABASE_URL": url, "SEALING_KEY": SEALING_KEY, "WORKERS": "1", **overrides}
    return [Service({**common, "INSTANCE": str(folder / name)}, folder / f"{name}.log") for name in ("one", "two")]


def start_at_once(services):
    """Start them at the same moment, and wait until all answer. Raises what the first of them raised."""
    failures = []

    def start(service):
        try:
            service.start(within=START_SECONDS)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=start, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Browser:
    """Somebody with one cookie, who comes by any port: to a browser that is one host."""

    def __init__(self):
        self.cookie = ""

    def ask(self, port, path, fields=None):
        """GET a path, or POST fields to it; return status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(connection):
            body = None if fields is None else urlencode(fields)
            connection.request("GET" if fields is None else "POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            self.cookie = (answer.headers["Set-Cookie"] or self.cookie).partition(";")[0]
            return answer.status, answer.read().decode()

    def post(self, port, page, path, **fields):
        """POST the form that stands on a page; return the status."""
        token = csrf_of(SimpleNamespace(text=self.ask(port, page)[1]))
        return self.ask(port, path, {"csrf_token": token, **fields})[0]

    def sign_in(self, port, username):
        assert self.post(port, "/login", "/login", username=username, password=PASSWORD) == 303


# The start


def test_two_nodes_that_start_at_once_on_an_empty_database_make_one_site(tmp_path):
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with new_database("empty") as url, ExitStack() as stack:
            nodes = two_services(folder, url)
            for node in nodes:
                stack.callback(node.kill)
            start_at_once(nodes)

            links = {setup_link(node.log.read_text()) for node in nodes}
            with psycopg.connect(url) as connection:
                rows = connection.execute("SELECT id, key FROM site").fetchall()
            assert len(links) == len(rows) == 1
            assert {node.get(link)[0] for node in nodes for link in links} == {200}

            # The link works once, at whichever of them.
            if number == ROUNDS - 1:
                code = links.pop().partition("=")[2]
                fields = {"code": code, "username": "ada", "password": PASSWORD}
                assert Browser().post(nodes[0].port, f"/setup?code={code}", "/setup", **fields) == 303
                assert nodes[1].get(f"/setup?code={code}")[0] == 404


# Behind HAProxy


class Balanced:
    """Two nodes, HAProxy in front of them, and a house over the same database for what an administrator does."""

    def __init__(self, folder, url):
        self.folder, self.port = folder, free_port()
        self.overrides = {"DATABASE_URL": url, "SEALING_KEY": SEALING_KEY, "BASE_URL": f"http://127.0.0.1:{self.port}"}
        forwarded = {"BASE_URL": self.overrides["BASE_URL"], "TRUSTED_PROXIES": "1"}
        self.nodes = two_services(folder, url, LIMIT_SIGN_IN="9999 per minute", **forwarded)
        self.house = None

    @contextmanager
    def running(self):
        with ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.stop)
            start_at_once(self.nodes)
            self.house = House({**self.overrides, "INSTANCE": str(self.folder / "house")})
            stack.callback(self.house.close)
            self.house.clock.now = time.time()
            stack.enter_context(running(self._haproxy(), self.folder / "haproxy.log", lambda: self.ask("/login")))
            yield self

    def _haproxy(self):
        one, two = (f"127.0.0.1:{node.port}" for node in self.nodes)
        configuration = filled(
            ROOT / "docs/haproxy-nodes.cfg",
            log=("log /dev/log local0", "log stdout format raw local0"),
            user=("    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n", ""),
            socket=("/run/haproxy/admin.sock", str(self.folder / "admin.sock")),
            plain=("bind :80", f"bind 127.0.0.1:{free_port()}"),
            tls=(
                "bind :443 ssl crt /etc/haproxy/tokens.example.org.pem alpn h2,http/1.1",
                f"bind 127.0.0.1:{self.port}",
            ),
            one=("server one 10.0.0.11:8000", f"server one {one}"),
            two=("server two 10.0.0.12:8000", f"server two {two}"),
        )
        (self.folder / "haproxy.cfg").write_text(configuration)
        return [find_program("haproxy", "haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]

    def ask(self, path, **headers):
        """GET through HAProxy; return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with closing(connection):
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def tell(self, command):
        """Tell HAProxy by its own socket; return what it says."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "admin.sock"))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def wait_for(self, server, state):
        """Wait until HAProxy says of a server of a backend, `ready/one`, that it is UP, DOWN or DRAIN."""
        deadline = time.monotonic() + 15
        while not self._row(server)["status"].startswith(state):
            assert time.monotonic() < deadline, self._row(server)["status"]
            time.sleep(0.05)

    def requests_of(self, server):
        """Return how many requests a server of a backend was sent so far."""
        return int(self._row(server)["stot"])

    def wait_until_idle(self, server):
        """Wait until a server of a backend has no request in hand."""
        deadline = time.monotonic() + 10
        while self._row(server)["scur"] != "0":
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _row(self, server):
        backend, _, name = server.partition("/")
        rows = csv.DictReader(self.tell("show stat").lstrip("# ").splitlines())
        return next(row for row in rows if (row["pxname"], row["svname"]) == (backend, name))

    def cookies(self, *usernames):
        return ["mintmark=" + self.house.signed_in(name).get_cookie("mintmark").value for name in usernames]


@pytest.fixture(scope="module")
def balanced(tmp_path_factory):
    """The nodes, for all tests; each has its own assets and people."""
    with new_database("balanced") as url:
        with Balanced(tmp_path_factory.mktemp("nodes"), url).running() as balanced:
            make_person(balanced.house, "ben")
            make_asset(balanced.house, "a")
            yield balanced


@pytest.fixture
def house(balanced):
    """The house of the nodes, whose clock is right when a test begins."""
    balanced.house.clock.now = time.time()
    return balanced.house


def test_what_is_done_at_one_node_holds_at_the_other(balanced, house):
    make_person(house, "carla")
    make_asset(house, "theirs")
    first, second = (node.port for node in balanced.nodes)

    # Who signs in at one is signed in at the other; who signs out there is signed out here.
    browser = Browser()
    browser.sign_in(first, "carla")
    assert [browser.ask(port, "/theirs")[0] for port in (second, first)] == [200, 200]
    before = browser.cookie
    assert browser.post(second, "/account", "/logout") == 303
    browser.cookie = before
    assert [browser.ask(port, "/theirs")[0] for port in (first, second)] == [403, 403]

    # A session that was ended from another one has ended at both.
    here, there = Browser(), Browser()
    here.sign_in(first, "carla")
    there.sign_in(second, "carla")
    assert here.post(second, "/account/sessions", "/account/sessions/end-others") == 303
    assert [there.ask(port, "/theirs")[0] for port in (first, second)] == [403, 403]
    assert [here.ask(port, "/theirs")[0] for port in (first, second)] == [200, 200]

    # An asset that is switched off is off at both with the next request, and on again; so is a person, whose sessions end.
    for live, expected in ((False, 404), (True, 200)):
        change_asset(house, "theirs", live=live)
        assert [here.ask(port, "/theirs")[0] for port in (first, second)] == [expected] * 2
    for live in (False, True):
        with house.app.app_context(), writing():
            people.revise(find_person("carla"), {"live": live}, by=house.by())
        assert [here.ask(port, "/theirs")[0] for port in (first, second)] == [403] * 2
    here.sign_in(second, "carla")
    assert here.ask(first, "/theirs")[0] == 200


def tokens_until(balanced, path, cookie, end):
    """Fetch tokens from both nodes in turn until a moment; return them."""
    found = []
    while time.time() < end:
        for node in balanced.nodes:
            status, _, body = node.get(path, cookie)
            assert status == 200
            found.append(Token(body.decode()))
        time.sleep(0.02)
    return found


def test_the_next_signing_key_signs_at_both_nodes_from_the_same_moment_and_no_token_fails(balanced, house):
    # Given a next key that was published as long ago as it must be, when it begins to sign in a moment,
    house.clock.now = int(time.time()) - WAIT_SECONDS + 3
    make_key(house, "one", "ES256")
    make_asset(house, "keyed", TEMPLATE, signing_key="one", algorithm="ES256")
    make_next_key(house, "one", "two")
    switch = int(house.clock.now) + WAIT_SECONDS
    [cookie] = balanced.cookies("ben")

    # then what a party fetched before from one node verifies what either signs before and after.
    published = [node.get("/.well-known/jwks/keyed")[2] for node in balanced.nodes]
    with urllib.request.urlopen(f"http://127.0.0.1:{balanced.port}/.well-known/jwks/keyed", timeout=10) as answer:
        assert {answer.read(), *published} == {published[0]}
    keys = KeySet.import_key_set(json.loads(published[0]))
    house.clock.now = time.time()
    tokens = tokens_until(balanced, "/keyed", cookie, switch + 1.5)
    assert all(token.is_good(keys) for token in tokens)
    assert all((token.kid == "one") == (token.iat < switch) for token in tokens)
    assert {token.kid for token in tokens} == {"one", "two"}


def test_the_next_secret_signs_at_both_nodes_from_the_same_moment(balanced, house):
    make_asset(house, "shared", TEMPLATE)
    [cookie] = balanced.cookies("ben")
    switch = int(time.time()) + 2
    with house.app.app_context(), writing():
        asset = save.lock_asset(save.find_asset("shared").id)
        staged = replace(read_secret(NEXT_SECRET, "text", algorithm="HS256"), kid="next")
        acting = {"sealer": house.mint.settings.sealer, "by": house.by()}
        overlap.stage(asset, staged, **acting)
        overlap.switch(asset, switch, **acting)

    tokens = tokens_until(balanced, "/shared", cookie, switch + 1.5)

    present, following = OctKey.import_key(SECRET), OctKey.import_key(NEXT_SECRET)
    assert all(token.is_good(following if token.iat >= switch else present) for token in tokens)
    assert {token.kid for token in tokens} == {None, "next"}


# Nodes that go and come back


class Unhurried(Clients):
    """Clients that leave the machine to nodes that start."""

    def _keep(self, status, body, seconds):
        super()._keep(status, body, seconds)
        time.sleep(0.03)


@contextmanager
def fetching(balanced, people=4):
    """Clients that fetch tokens through HAProxy all the while; at the end each request has its token, with its row."""
    names = [f"p{number}" for number in range(people)]
    for name in names:
        if not balanced.house.rows("SELECT 1 FROM person WHERE username = :name", name=name):
            make_person(balanced.house, name)
    with Unhurried(SimpleNamespace(port=balanced.port), "/a", balanced.cookies(*names)) as clients:
        yield clients
    assert (set(clients.statuses), clients.failures) == ({200}, 0), (clients.statuses, clients.failures)
    rows = balanced.house.rows("SELECT jti FROM log WHERE event = 'token.issued' AND jti IS NOT NULL")
    amounts = Counter(row["jti"] for row in rows)
    received = [jti_of(token) for token in clients.tokens]
    assert len(set(received)) == len(received) and {amounts[jti] for jti in received} == {1}
    print(f"{len(received)} tokens, slowest {clients.slowest:.2f} s")


def is_used(balanced, server):
    """Wait until HAProxy sends a request to a node."""
    before = balanced.requests_of(server)
    deadline = time.monotonic() + 10
    while balanced.requests_of(server) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return True


def test_a_node_that_is_killed_costs_no_token_and_is_used_again_once_it_is_ready(balanced, house):
    one = balanced.nodes[0]
    with fetching(balanced):
        assert is_used(balanced, "ready/one") and is_used(balanced, "ready/two")
        one.kill()
        balanced.wait_for("ready/one", "DOWN")
        assert is_used(balanced, "ready/two")
        one.start(within=START_SECONDS)
        balanced.wait_for("ready/one", "UP")
        assert is_used(balanced, "ready/one")


def test_a_node_that_is_told_to_stop_costs_no_token(balanced, house):
    two = balanced.nodes[1]
    with fetching(balanced):
        assert is_used(balanced, "ready/two")
        two.stop()
        assert two.process.returncode == 0 and is_used(balanced, "ready/one")
        two.start(within=START_SECONDS)
        balanced.wait_for("ready/two", "UP")
        assert is_used(balanced, "ready/two")


def posting(balanced, path, cookie, done):
    """POST until told to stop; return how often each status came. What breaks is raised."""
    statuses, connection = Counter(), http.client.HTTPConnection("127.0.0.1", balanced.port, timeout=10)
    headers = {"Cookie": cookie, "Content-Type": "application/json"}
    with closing(connection):
        while not done.is_set():
            connection.request("POST", path, body="{}", headers=headers)
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
            time.sleep(0.02)
    return statuses


def test_a_node_that_is_drained_before_it_is_stopped_costs_no_post_either(balanced, house):
    make_asset(house, "posted", answer={"form": "json", "field": "token", "methods": ["GET", "POST"]})
    [cookie] = balanced.cookies("ben")
    one, done, found = balanced.nodes[0], threading.Event(), []
    threads = [
        threading.Thread(target=lambda: found.append(posting(balanced, "/posted", cookie, done)))
        for _ in range(2)  # A worker reads two bodies at once.
    ]
    for thread in threads:
        thread.start()
    try:
        assert is_used(balanced, "ready/one")
        balanced.tell("set server ready/one state drain")
        balanced.wait_until_idle("ready/one")
        one.stop()
        time.sleep(0.3)
        one.start(within=START_SECONDS)
        balanced.wait_for("ready/one", "DRAIN")
        balanced.tell("set server ready/one state ready")
        balanced.wait_for("ready/one", "UP")
        assert is_used(balanced, "ready/one")
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert len(found) == 2 and set().union(*found) == {200}
    print(f"{sum(each[200] for each in found)} posts")


def test_where_no_node_is_ready_those_that_live_answer_for_themselves(balanced, house):
    # Given tables that are older than the nodes, as far as these can tell,
    with house.app.app_context(), db.engine.begin() as connection:
        there = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    try:
        for name in ("one", "two"):
            balanced.wait_for(f"ready/{name}", "DOWN")

        # then what they can do without being ready is still done, and is still theirs.
        status, headers, body = balanced.ask("/.well-known/jwks.json")
        assert status == 200 and "keys" in body and "Mintmark-Request" in headers
    finally:
        with house.app.app_context(), db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (there,))
    for name in ("one", "two"):
        balanced.wait_for(f"ready/{name}", "UP")


def test_the_balancer_says_who_came_keeps_probes_to_itself_and_writes_no_query_down(balanced, house):
    [cookie] = balanced.cookies("ben")
    secret = "a-query-that-nobody-logs"
    before = max((row["id"] for row in house.rows("SELECT id FROM log")), default=0)

    answer = balanced.ask(
        f"/a?x={secret}",
        Cookie=cookie,
        X_Forwarded_For="203.0.113.9",
        Referer=f"http://127.0.0.1:{balanced.port}/?{secret}",
    )
    with urllib.request.urlopen(_underscored(balanced, cookie), timeout=10) as second:
        assert second.status == 200
    assert answer[0] == 200
    rows = house.rows("SELECT address FROM log WHERE id > :id AND event = 'token.issued'", id=before)
    assert [row["address"] for row in rows] == ["127.0.0.1"] * 2

    assert {balanced.ask(path)[0] for path in ("/-/ready", "/-/health", "/-/metrics")} == {404}
    with closing(http.client.HTTPConnection("127.0.0.1", balanced.port, timeout=10)) as connection:
        connection.request("POST", "/login", body=b"x" * 70_000)
        assert connection.getresponse().status == 413
    time.sleep(0.1)
    logs = [balanced.folder / "haproxy.log", *(node.log for node in balanced.nodes)]
    assert "GET /a 200" in logs[0].read_text() and secret not in "".join(path.read_text() for path in logs)


def _underscored(balanced, cookie):
    headers = {"Cookie": cookie, "X_Forwarded_For": "203.0.113.9", "Sec_Purpose": "prefetch"}
    return urllib.request.Request(f"http://127.0.0.1:{balanced.port}/a", headers=headers)


# Limits


@contextmanager
def own_redis(folder):
    """Start Redis for a test that ends it; yield its address and its process."""
    port = free_port()
    program = shutil.which("redis-server") or skip_or_fail("redis-server is needed: apt-get install redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    client = redis.Redis(port=port)

    def is_ready():
        with suppress(redis.BusyLoadingError):
            try:
                return client.ping()
            except redis.ConnectionError as error:
                raise OSError from error

    with closing(client), running(command, folder / "redis.log", is_ready) as process:
        yield f"redis://127.0.0.1:{port}/0", process


def let_through(nodes, cookie, path="/a"):
    """Ask each node in turn, more often than the limit says; return how many tokens each gave."""
    given = [0] * len(nodes)
    for _ in range(8):
        for number, node in enumerate(nodes):
            status, headers, _ = node.get(path, cookie)
            assert status == 200 or (status == 429 and int(headers["retry-after"]) > 0)
            given[number] += status == 200
    return given


def test_nodes_share_limits_in_redis_and_count_by_themselves_while_it_is_gone(tmp_path):
    with new_database("limits") as url, own_redis(tmp_path) as (redis_url, process), ExitStack() as stack:
        nodes = two_services(tmp_path, url, REDIS_URL=redis_url, LIMIT_TOKENS="6 per hour")
        for node in nodes:
            stack.callback(node.stop)
        start_at_once(nodes)
        house = House({"DATABASE_URL": url, "SEALING_KEY": SEALING_KEY, "INSTANCE": str(tmp_path / "house")})
        stack.callback(house.close)
        house.clock.now = time.time()
        make_person(house, "ben")
        make_asset(house, "a")
        cookie = "mintmark=" + house.signed_in("ben").get_cookie("mintmark").value

        # One limit for both, whichever is asked,
        assert let_through(nodes, cookie) == [3, 3]

        # and without Redis one for each, at once.
        process.terminate()
        process.wait(10)
        began = time.monotonic()
        assert let_through(nodes, cookie) == [6, 6]
        assert time.monotonic() - began < 15
