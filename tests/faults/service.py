"""A site that faults happen to: a service in processes of its own, on a real database, with people who fetch tokens.

`Site(overrides, folder)` names the database; `prepare()` fills it; `site.service` is the process to start, kill and
stop (tests/serving.py). Several nodes over one database: `site.add_node()`. The fixtures `site` (SQLite and PostgreSQL)
and `sqlite_site` of tests/faults/conftest.py give one that is prepared and not yet started.
"""

import sqlite3
import time
from contextlib import closing

import psycopg

from mintmark import database
from tests.arrivals import ISSUER
from tests.conftest import SEALING_KEY, House
from tests.making import make_asset, make_identity, make_issuer, make_key, make_person
from tests.serving import Service

LIFETIME = 600
ISSUER_SECRET = "a-shared-secret-of-the-portal-0123456789abcdef"
NO_LIMITS = {"LIMIT_SIGN_IN": "999999 per minute", "LIMIT_TOKENS": "999999 per minute"}


class Site:
    """A database, the services over it, and who may do what there.

    `cookies`: one for each person; `administrator`: the cookie and form token of one who makes groups;
    `issuer`: the key of a trusted issuer, and claims of its tokens for a person who signs in by them.
    """

    issuer = {"key": ISSUER_SECRET, "claims": {"iss": ISSUER, "sub": "arrival", "aud": "mintmark"}}

    def __init__(self, overrides, folder):
        given = {"SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "full", **NO_LIMITS, **overrides}
        self.folder, self.service = folder, Service(given, folder / "service.log")
        self.services, self.cookies, self.administrator = [self.service], [], None

    @property
    def overrides(self):
        """Return the settings of the first node, by their names without the prefix."""
        return self.service.overrides

    @property
    def ports(self):
        """Return the ports of all nodes."""
        return [service.port for service in self.services]

    @property
    def instance(self):
        """Return the instance folder of the first node."""
        return self.folder / "instance"

    @property
    def database_file(self):
        """Return the SQLite file."""
        return self.instance / "mintmark.sqlite"

    def prepare(self, people=50):
        """Make assets (`/a` HS256, `/key` ES256), people with sessions, an administrator, a trusted issuer."""
        house = House(self.overrides)
        house.clock.now = time.time()
        make_key(house, "site-key")
        make_asset(house, "a", lifetime=LIFETIME)
        make_asset(house, "key", secret=None, algorithm="ES256", signing_key="site-key", lifetime=LIFETIME)
        make_person(house, "ada", is_admin=True)
        self.administrator = _cookie(house, "ada", csrf_token="faults")
        for number in range(people):
            make_person(house, f"p{number}")
            self.cookies.append(_cookie(house, f"p{number}")[0])
        make_person(house, "arrival", password=None)
        make_identity(house, make_issuer(house, secret=ISSUER_SECRET), "arrival", "arrival")
        house.close()
        return self

    def add_node(self, **overrides):
        """Return one more service over the same PostgreSQL, in an instance folder of its own; not yet started."""
        name = f"node-{len(self.services) + 1}"
        (self.folder / name).mkdir(mode=0o700)
        given = {name: value for name, value in self.overrides.items() if name != "BIND"}
        given |= {"INSTANCE": str(self.folder / name), **overrides}
        self.services.append(Service(given, self.folder / f"{name}.log"))
        return self.services[-1]

    def rows(self, sql):
        """Ask the database itself, by a new connection; rows as tuples."""
        if "DATABASE_URL" in self.overrides:
            with psycopg.connect(self.overrides["DATABASE_URL"], connect_timeout=2) as connection:
                return connection.execute(sql).fetchall()
        with closing(sqlite3.connect(self.database_file, timeout=5)) as connection:
            return connection.execute(sql).fetchall()

    def see_whole(self):
        """See that SQLite finds nothing wrong with its file; PostgreSQL has no such question."""
        if "DATABASE_URL" not in self.overrides:
            assert self.rows("PRAGMA integrity_check") == [("ok",)]
            assert self.rows("PRAGMA foreign_key_check") == []

    def stop(self):
        """End all nodes."""
        for service in self.services:
            service.stop()


def _cookie(house, username, csrf_token=None):
    client = house.signed_in(username)
    if csrf_token:
        with client.session_transaction() as session:
            session["csrf_token"] = csrf_token
    return "mintmark=" + client.get_cookie("mintmark").value, csrf_token


def bring_up_to_date(overrides, began):
    """Make or upgrade a database in a process of its own, after setting the event `began`."""
    house = House(overrides)
    with house.app.app_context():
        began.set()
        database.bring_up_to_date(house.mint.settings)
