"""A site over a PostgreSQL that is harmed: its nodes ask by way of a proxy, whoever watches asks directly."""

import copy
import itertools
import time

from mintmark.database import bring_up_to_date
from tests.conftest import House
from tests.faults.proxy import Proxy
from tests.faults.scale import SCALE
from tests.faults.service import Site
from tests.faults.witness import RECOVERS_WITHIN, SLACK, see_early
from tests.serving import Clients

STARTS_WITHIN = 15.0 * SLACK
PEOPLE = 16
KEY_SET = "/.well-known/jwks/key"
DOORS = ("/a", "/key", "/account", "/-/ready")
_PREPARED = "prepared_site"
_numbers = itertools.count(1)


class ClusterSite(Site):
    """A prepared site in a database of its own in a cluster (tests/faults/cluster.py); `proxy` is before it."""

    def __init__(self, cluster, folder):
        self.cluster, self.database = cluster, f"site_{next(_numbers)}"
        self.proxy = Proxy(cluster.port)
        url = cluster.url_at(self.proxy.port, self.database)
        super().__init__({"INSTANCE": str(folder / "instance"), "DATABASE_URL": url}, folder)
        self.instance.mkdir(mode=0o700)
        self.cookies, self.administrator = _prepared(cluster, self.instance)
        with cluster.connect() as connection:
            connection.execute(f"CREATE DATABASE {self.database} TEMPLATE {_PREPARED}")

    @property
    def direct_url(self):
        """Return the address of the database past the proxy."""
        return self.cluster.url_at(self.cluster.port, self.database)

    def rows(self, sql):
        """Ask the database itself, past the proxy; rows as tuples."""
        with self.cluster.connect(self.database) as connection:
            return connection.execute(sql).fetchall()

    def only(self, service):
        """Return this site as clients see it who know one node."""
        one = copy.copy(self)
        one.service, one.services = service, [service]
        return one

    def close(self):
        """End nodes and proxy, and drop the database."""
        self.stop()
        self.proxy.close()
        with self.cluster.connect() as connection:
            connection.execute(f"DROP DATABASE {self.database} WITH (FORCE)")


def _prepared(cluster, instance):
    """Prepare a site that all sites of a cluster are copies of; return its cookies, and what an administrator has."""
    if not hasattr(cluster, "prepared"):
        with cluster.connect() as connection:
            connection.execute(f"CREATE DATABASE {_PREPARED} TEMPLATE template0 ENCODING 'UTF8'")
        overrides = {"INSTANCE": str(instance), "DATABASE_URL": cluster.url_at(cluster.port, _PREPARED)}
        first = Site(overrides, instance.parent)
        migrate(first.overrides)
        first.prepare(PEOPLE)
        cluster.prepared = first.cookies, first.administrator
    return cluster.prepared


def engine_of(house):
    """Return the name of the database of a house."""
    return "SQLite" if house.mint.settings.is_sqlite else "PostgreSQL"


class Calm(Clients):
    """Clients that leave some of the machine to others."""

    def _keep(self, *answer):
        super()._keep(*answer)
        time.sleep(0.02 if SCALE >= 1 else 0.06)


def migrate(overrides):
    """Make the tables of a database that the overrides name."""
    house = House(overrides)
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    house.close()


def warm(node):
    """Let every worker read the key set once, whichever of them is asked."""
    assert {node.get(KEY_SET)[0] for _ in range(24)} == {200}


def wait_until_back(node, cookie):
    """Wait until every worker answers everything again; return the seconds to the last failure."""
    began = last = time.monotonic()
    good = 0
    while good < 24:
        status = node.get(DOORS[good % len(DOORS)], cookie)[0]
        good = good + 1 if status == 200 else 0
        if status != 200:
            last = time.monotonic()
            assert last - began < RECOVERS_WITHIN, "the database is not back"
            time.sleep(0.05)
    return last - began


def see_all_good(node, cookie):
    """See that each page and token comes at the first try."""
    answers = [node.get(path, cookie)[0] for path in DOORS * 6]
    assert answers == [200] * len(answers), answers


def see_away(node, cookie, seconds):
    """For so long, see what a node without its database answers; return the seconds of the slowest answer."""
    doors = {
        "/a": lambda status, headers, body: (status, body) == (503, b""),
        "/account": lambda status, headers, body: status == 503,
        "/-/ready": lambda status, headers, body: status == 503,
        KEY_SET: are_kept_keys,
        "/-/health": lambda status, headers, body: status == 200,
        # The page itself needs the database for nothing but the ways in.
        "/login": lambda status, headers, body: status in (200, 503),
    }
    end, took = time.monotonic() + seconds, []
    while time.monotonic() < end or len(took) < 2 * len(doors):
        path, is_right = list(doors.items())[len(took) % len(doors)]
        began = time.monotonic()
        status, headers, body = node.get(path, cookie)
        took.append(time.monotonic() - began)
        assert is_right(status, headers, body), (path, status, headers, body[:200])
        time.sleep(0.02)
    return see_early(took)


def are_kept_keys(status, headers, body):
    """Key sets go on as they were read last, for the rest of their five minutes."""
    seconds = int(headers.get("cache-control", "=0").rpartition("=")[2])
    return status == 200 and b'"site-key"' in body and 0 < seconds <= 300
