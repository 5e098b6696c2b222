"""`flask keys reseal` killed at random points while tokens are fetched and secrets are saved (ASVS 11.2.2, 16.5.3)."""

import base64
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from mintmark.assets import save
from mintmark.assets.secrets import keep, open_secret, read_secret
from mintmark.database import bring_up_to_date
from mintmark.errors import Busy, ConfigurationError
from mintmark.models import Secret, SigningKey, db, writing
from tests.conftest import SEALING_KEY, House
from tests.faults.scale import SCALE
from tests.faults.several import STARTS_WITHIN, Calm, engine_of
from tests.making import make_asset, make_key
from tests.serving import ROOT, Service, cookies_of

pytestmark = pytest.mark.timeout(1800)
NEW = "new:" + base64.b64encode(b"the tests seal with another one.").decode()
OLD_FIRST, NEW_FIRST = f"{SEALING_KEY},{NEW}", f"{NEW},{SEALING_KEY}"
AUD = '{"aud": "desk", "sub": "{{ user.username }}"}'
KILLS = 40 if SCALE >= 1 else 2  # Each is a program that starts.
SECRETS = 400


def run(overrides, *arguments):
    """Start a command in a process of its own."""
    settings = {"MINTMARK_" + name: value for name, value in overrides.items()}
    command = [sys.executable, "-m", "flask", "--app", "app", "keys", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def value_of(name, number):
    return f"CANARY-{name}-{number:06}-0123456789abcdef0123456789"


class Saver(threading.Thread):
    """Gives an asset one secret after the other, as a node with its keys in one order; knows what was acknowledged."""

    def __init__(self, overrides, path):
        super().__init__()
        self.house, self.path = House(overrides), path
        self.saved, self.stopped = [], threading.Event()

    def run(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            value = value_of(self.path, number)
            sealer = self.house.mint.settings.sealer
            try:
                with self.house.app.app_context(), writing():
                    asset = save.lock_asset(save.find_asset(self.path).id)
                    definition = save.current_revision(asset).definition
                    secret = read_secret(value, "text", algorithm="HS256")
                    save.revise(asset, definition, secret, sealer=sealer, by=self.house.by())
            except Busy:
                continue
            self.saved.append(value)
            time.sleep(0.02)

    def stop(self):
        self.stopped.set()
        self.join()
        self.house.close()


class Reader(threading.Thread):
    """A node with both keys that opens everything, again and again."""

    def __init__(self, overrides):
        super().__init__()
        self.house, self.errors, self.rounds = House(overrides), [], 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            try:
                open_all(self.house)
                self.rounds += 1
            except Exception as error:
                self.errors.append(error)
            time.sleep(0.2)

    def stop(self):
        self.stopped.set()
        self.join()
        self.house.close()


def open_all(house):
    """Open every secret and signing key; return the secrets by the ids of their rows."""
    sealer = house.mint.settings.sealer
    with house.app.app_context():
        try:
            for key in db.session.query(SigningKey):
                sealer.open(key.sealed, table="signing_key", row=key.id, column="sealed")
            return {row.id: open_secret(row, sealer=sealer).decode() for row in db.session.query(Secret)}
        finally:
            db.session.rollback()


def fill(house):
    house.clock.now = time.time()  # Keys sign by the clock of the service too.
    make_asset(house, "a", secret=value_of("a", 0))
    for path in ("old-first", "new-first"):
        make_asset(house, path, secret=value_of(path, 0))
    make_key(house, "k1", "ES256")
    make_asset(house, "keyed", AUD, algorithm="ES256", signing_key="k1", secret=None)
    with house.app.app_context(), writing():
        asset, sealer = save.find_asset("a"), house.mint.settings.sealer
        for number in range(1, SECRETS):
            secret = read_secret(value_of("a", number), "text", algorithm="HS256")
            keep(secret, asset.id, sealer=sealer, now=house.clock())


def count_by(house, key_id):
    return house.rows("SELECT count(*) AS n FROM secret WHERE sealed_by = :by", by=key_id)[0]["n"]


def kill_at_a_random_point(house, overrides, to, rng):
    """Start moving to a key and kill that some moments after it began, if it is not done by then."""
    lines = {"new": NEW_FIRST, "test": OLD_FIRST}[to]
    before = count_by(house, to)
    process = run({**overrides, "SEALING_KEY": lines}, "reseal")
    while process.poll() is None and count_by(house, to) < before + 120:
        time.sleep(0.005)
    time.sleep(rng.random() * 0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


@pytest.fixture
def site(database, tmp_path):
    """A house; a node with the old key in front and the new one behind it, and on PostgreSQL one the other way round.

    The row of the site is put back at the end.
    """
    house = House(database)
    (kept,) = house.rows("SELECT sealed_check FROM site")
    fill(house)
    nodes = [Service({**database, "SEALING_KEY": OLD_FIRST}, tmp_path / "service.log")]
    if "DATABASE_URL" in database:
        (tmp_path / "other").mkdir(mode=0o700)
        overrides = {**database, "SEALING_KEY": NEW_FIRST, "INSTANCE": str(tmp_path / "other")}
        nodes.append(Service(overrides, tmp_path / "other.log"))
    yield house, nodes
    for node in nodes:
        node.stop()
    with house.app.app_context(), writing() as session:
        session.execute(text("UPDATE site SET sealed_check = :sealed_check"), kept)
    house.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"] if SCALE >= 1 else ["postgresql"], indirect=True)
def test_nothing_is_lost_or_unreadable_wherever_it_is_killed(site, database, told):
    house, nodes = site
    service = nodes[0]
    cookies, rng, killed = cookies_of(service.overrides, ["p1", "p2", "p3"]), random.Random(20261122), 0
    for node in nodes:
        node.start(within=STARTS_WITHIN)
    savers = [
        Saver({**database, "SEALING_KEY": OLD_FIRST}, "old-first"),
        Saver({**database, "SEALING_KEY": NEW_FIRST}, "new-first"),
    ]
    reader = Reader({**database, "SEALING_KEY": OLD_FIRST})
    threads = [*savers, reader]

    # Given tokens that are fetched, secrets that are saved, and a reader of everything.
    with Calm(service, "/a", cookies[:2]) as clients, Calm(nodes[-1], "/keyed", cookies[2:]) as keyed:
        for thread in threads:
            thread.start()
        # When it is killed on its way, there and back.
        for number in range(KILLS):
            killed += kill_at_a_random_point(house, service.overrides, ("new", "test")[number % 2], rng)
        savers[0].stop()  # Then every node has the new key in front, and it may end.
        done = run({**service.overrides, "SEALING_KEY": NEW_FIRST}, "reseal")
        out, errors = done.communicate(timeout=120)
        for thread in threads[1:]:
            thread.stop()

    tokens, saved = len(clients.tokens) + len(keyed.tokens), sum(len(saver.saved) for saver in savers)
    words = f"{killed} times, {tokens} tokens received of {len(nodes)} nodes, {saved} secrets saved meanwhile"
    words += f", everything read {reader.rounds} times"
    told(f"moving to another sealing key killed, {engine_of(house)}", words)
    assert killed >= KILLS // 2
    assert reader.errors == [] and reader.rounds > 5
    assert (
        set(clients.statuses) | set(keyed.statuses) <= {200, 503}
        and clients.statuses[200] > 100
        and keyed.statuses[200] > 50
    )
    assert (done.returncode, errors) == (0, "") and "Nothing is sealed with test any more" in out
    assert count_by(house, "new") == house.rows("SELECT count(*) AS n FROM secret")[0]["n"]

    # Then with the new key alone everything is there, and with the old one alone nothing starts.
    alone = House({**database, "SEALING_KEY": NEW})
    with alone.app.app_context():
        bring_up_to_date(alone.mint.settings)
    found = sorted(open_all(alone).values())
    expected = [value_of("a", number) for number in range(SECRETS)]
    expected += [value for saver in savers for value in [value_of(saver.path, 0), *saver.saved]]
    assert found == sorted(expected)
    assert [alone.signed_in("p1").get(f"/{path}").status_code for path in ("a", "keyed", "new-first")] == [200] * 3
    assert alone.rows("SELECT a.path FROM asset a JOIN revision r ON r.asset_id = a.id AND r.number = a.revision"
                      " JOIN secret s ON s.id = r.secret_id WHERE s.fingerprint <> a.fingerprint") == []  # fmt: skip
    before = house.rows("SELECT * FROM site")
    wrong = House(database)
    with wrong.app.app_context(), pytest.raises(ConfigurationError, match="sealed with the sealing key new, which"):
        bring_up_to_date(wrong.mint.settings)
    assert house.rows("SELECT * FROM site") == before
    wrong.close()
    alone.close()
    assert_no_canary(house)


def assert_no_canary(house):
    """Neither in the files of the database, nor in what a dump of it would hold."""
    kept = b""
    if house.mint.settings.is_sqlite:
        instance = house.mint.settings.instance
        kept = b"".join(path.read_bytes() for path in instance.iterdir() if path.is_file())
        with sqlite3.connect(instance / "mintmark.sqlite") as connection:
            kept += "\n".join(connection.iterdump()).encode()
    else:
        for table in db.metadata.sorted_tables:
            rows = house.rows(f'SELECT t::text AS row FROM "{table.name}" AS t')
            kept += "\n".join(row["row"] for row in rows).encode()
    for form in (b"CANARY", b"CANARY".hex().encode(), b"CANARY".hex().upper().encode(), base64.b64encode(b"CANARY")):
        assert form not in kept


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # The test above tries the other one.
def test_a_service_whose_key_is_in_its_folder_goes_on_without_a_restart(database, tmp_path):
    overrides = {name: value for name, value in database.items() if name != "SEALING_KEY"}
    with open(f"{database['INSTANCE']}/sealing-key", "x") as file:
        file.write(SEALING_KEY + "\n")
    house = House(overrides)
    fill(house)
    cookies = cookies_of(overrides, ["p1", "p2", "p3"])
    service = Service(overrides, tmp_path / "service.log")
    service.start(within=STARTS_WITHIN)
    try:
        with Calm(service, "/a", cookies[:2]) as clients, Calm(service, "/keyed", cookies[2:]) as keyed:
            out, errors = run(overrides, "new-sealing-key").communicate(timeout=60)
            key_id = out.split()[3]
            for number, arguments in enumerate((("reseal", "--to", key_id), ("drop-sealing-key", "test"))):
                process = run(overrides, *arguments)
                assert (process.communicate(timeout=120)[1], process.returncode) == ("", 0)
                # What is sealed from now on opens in workers that knew only the old key when they began.
                make_asset(house, f"after-{number}", secret=value_of("after", number))
                answers = [service.get(f"/after-{number}", cookies[0])[0] for _ in range(10)]
                assert answers == [200] * 10 and {
                    row["sealed_by"] for row in house.rows("SELECT sealed_by FROM secret")
                } == {key_id}
        assert set(clients.statuses) == set(keyed.statuses) == {200}
        assert clients.failures == keyed.failures == 0
        service.stop()
        service.start(within=STARTS_WITHIN)
        assert service.get("/login")[0] == 200
    finally:
        service.stop()
        house.close()
