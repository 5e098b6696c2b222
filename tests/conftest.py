"""The cast and the house of the tests.

`ada` administers, `ben` is a person, `mallory` is switched off, a *stranger* is nobody. The
house is a whole site on a real database: SQLite and PostgreSQL, each test on an empty one.
"""

import base64
import os
import re
import shutil

import psycopg
import pytest
from sqlalchemy import text
from werkzeug.routing import Rule

from app import create_app
from mintmark import passwords, sessions
from mintmark.database import bring_up_to_date
from mintmark.log import Occasion
from mintmark.models import db, writing
from mintmark.people import find_person

PASSWORD = "correct horse battery"
SECRET = "a-shared-secret-of-the-help-desk-0123456789"
SEALING_KEY = "test:" + base64.b64encode(b"tests seal with thirty-two bytes").decode()
START = 1_800_000_000.0
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
IN_CI = bool(os.environ.get("CI"))
_environments = {}
_builders, _compile = {}, Rule._compile_builder


def _kept_builder(rule, append_unknown=True):
    """Return what builds the addresses of a rule, compiled once in a test run: each house has the same rules."""
    same = (rule.rule, repr(rule.defaults), rule.websocket, append_unknown)
    if same not in _builders:
        _builders[same] = _compile(rule, append_unknown)
    return _builders[same]


Rule._compile_builder = _kept_builder


def skip_or_fail(reason):
    """Without a program a test is skipped and says why; in CI a skip is a failure."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


class House:
    """A whole site, its clock and its doors."""

    def __init__(self, overrides):
        self.clock = Clock()
        self.overrides = overrides
        self.app = create_app(overrides, clock=self.clock)
        # Each house would load the pages anew; theirs differ by one word only.
        self.app.jinja_env = _environments.setdefault(self.app.jinja_env.globals["is_insecure"], self.app.jinja_env)
        self.mint = self.app.extensions["mintmark"]

    def client(self, **options):
        return self.app.test_client(**options)

    def sign_in(self, username, password=PASSWORD, client=None):
        """Sign in through the form, as a person does."""
        client = client or self.client()
        answer = self.post_form(client, "/login", username=username, password=password)
        assert answer.status_code == 303, answer.text
        return client

    def signed_in(self, username):
        """Return a client with a session, without the work of a password."""
        client = self.client()
        with self.app.app_context(), writing():
            person = find_person(username)
            session_id = sessions.begin(person, now=self.clock(), address="127.0.0.1", device="test").id
        with client.session_transaction() as cookie:
            cookie["_user_id"] = session_id
        return client

    def post_form(self, client, path, *, page=None, **fields):
        token = csrf_of(client.get(page or path))
        return client.post(path, data={"csrf_token": token, **fields})

    def run(self, *arguments, input=None, env=None):
        runner = self.app.test_cli_runner()
        return runner.invoke(args=list(arguments), input=input, env=env)

    def rows(self, sql, **values):
        with self.app.app_context(), db.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def log(self, event=None):
        rows = self.rows("SELECT * FROM log ORDER BY id")
        return [row for row in rows if event is None or row["event"] == event]

    def by(self, actor="test"):
        """Return the occasion of an act of the test itself."""
        return Occasion(self.clock(), actor)

    def close(self):
        self.mint.wire.close()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


def csrf_of(answer):
    """Return the form token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


@pytest.fixture(autouse=True)
def _one_umask():
    """Commands that run in this process keep their files private; what the next test makes is its own affair."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MINTMARK_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def password_hash():
    """The hash of PASSWORD, worked out once."""
    return passwords.hash_password(PASSWORD)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    """A migrated SQLite file to copy."""
    folder = tmp_path_factory.mktemp("empty")
    house = House({"INSTANCE": str(folder), "SEALING_KEY": SEALING_KEY})
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    house.close()
    return folder / "mintmark.sqlite"


@pytest.fixture(scope="session")
def empty_postgresql(tmp_path_factory):
    """The address of a migrated PostgreSQL database of this test process."""
    name = f"mintmark_test_{os.getpid()}"
    try:
        with psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # No power is cut here.
    except psycopg.OperationalError as error:
        skip_or_fail(f"PostgreSQL does not answer at {POSTGRESQL.rpartition('@')[2]}: {str(error).splitlines()[0]}")
    url = POSTGRESQL.rpartition("/")[0] + "/" + name
    house = House({"INSTANCE": str(tmp_path_factory.mktemp("pg")), "SEALING_KEY": SEALING_KEY, "DATABASE_URL": url})
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    house.close()
    yield url
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


# Each looks at one room in detail; the quick suite walks through all rooms (test_every_page, test_rights).
IN_DETAIL = frozenset(
    (
        "account admin_assets admin_attributes admin_groups admin_issuer_keys admin_issuers admin_people"
        " admin_person admin_providers asset_form asset_moves asset_page asset_secret asset_trash asset_tree"
        " check_command contract_words counts dashboard delivery_page demo discovery embed_moments erase"
        " examine_contract examine_people former_paths help identities import_matrix_command inspect issuers"
        " key_sets log_archive log_export matrix matrix_import_page metrics migrations mint_command openid"
        " own_access_tokens own_password own_sessions party_changes password_links preset_words presets_pages"
        " preview preview_other probes proof_of_source receiver records revisions search site_file_export"
        " site_file_import site_file_issuers site_file_parties step_up template_check tidy verify_snippets ways_in"
        " why_refused why_where"
    ).split()
)


def pytest_collection_modifyitems(items):
    """What is tried on both databases is tried on PostgreSQL in .ci/run, but for the modules that ask for it at once.

    `make test` stays under a minute that way; nothing is left out of CI.
    """
    for item in items:
        if item.path.stem.removeprefix("test_") in IN_DETAIL:
            item.add_marker(pytest.mark.slow)
        callspec = getattr(item, "callspec", None)
        if callspec and "postgresql" in callspec.params.values() and not item.get_closest_marker("both_databases"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """Overrides that name an empty database, one test on each engine."""
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    overrides = {"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"}
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), instance / "mintmark.sqlite")
        (instance / "mintmark.sqlite").chmod(0o600)
        return overrides
    url = request.getfixturevalue("empty_postgresql")
    _empty(url)
    return {**overrides, "DATABASE_URL": url}


def _empty(url):
    """Delete every row; that is ten times as fast as TRUNCATE where there are few."""
    tables = [table.name for table in reversed(db.metadata.sorted_tables) if table.name != "site"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("; ".join(f'DELETE FROM "{name}"' for name in tables))
        connection.execute("UPDATE site SET attributes_revision = 0, set_up_at = NULL")


@pytest.fixture
def make_house(database):
    """Build a house on the empty database with settings of one's own."""
    made = []

    def make(**overrides):
        made.append(House({**database, **overrides}))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(make_house):
    """A site without people."""
    return make_house()


@pytest.fixture
def sqlite_house(tmp_path, empty_sqlite):
    """A site without people, on SQLite only, for what does not depend on the engine."""
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"})
    yield house
    house.close()
