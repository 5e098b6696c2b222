"""Migrations of a site that is in use: nothing is lost, what new columns repeat is right, and older nodes go on."""

import ast
import logging

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from mintmark.database import MIGRATIONS, bring_up_to_date
from mintmark.errors import ConfigurationError
from mintmark.models import db, writing
from mintmark.people import find_person
from mintmark.sessions import Entrance, begin
from tests.conftest import House
from tests.making import make_asset, make_person
from tests.test_database import new_database  # noqa: F401 — the fixture.

pytestmark = pytest.mark.both_databases
REPEATED = "SELECT path, lifetime, weak, fingerprint, unseen_since, failing FROM asset ORDER BY path"
WORDS = "SELECT kind, word, label FROM search_word ORDER BY kind, word, label"


def migrate(house, revision, act):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with house.app.app_context(), db.engine.connect().execution_options(mintmark_immediate=True) as connection:
        config.attributes["connection"] = connection
        act(config, revision)
        connection.commit()


def test_the_second_migration_keeps_all_rows_and_repeats_each_revision(new_database):  # noqa: F811 — the fixture.
    # Given a site of today with assets and people,
    house = House({**new_database, "SQLITE_SYNCHRONOUS": "normal"})
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    make_person(house, "Zoë", first_name="Zoë", last_name="O'Brien", email="z.o@example.test")
    make_asset(house, "integrations/helpdesk", name="Help desk", lifetime=None)
    make_asset(house, "chat", secret="short-secret", weak=True, lifetime=60)
    repeated, words = house.rows(REPEATED), house.rows(WORDS)
    assert [(row["path"], row["lifetime"], bool(row["weak"])) for row in repeated] == [
        ("chat", 60, True),
        ("integrations/helpdesk", None, False),
    ]
    assert {row["word"] for row in words} >= {"zoë", "brien", "z.o@example.test", "help", "helpdesk"}

    # when it goes back to the first tables, and forth again,
    migrate(house, "0001", command.downgrade)
    assert house.rows("SELECT username FROM person") == [{"username": "Zoë"}]
    migrate(house, "0002", command.upgrade)

    # then everything stands as it stood.
    assert house.rows(REPEATED) == repeated
    assert house.rows(WORDS) == words
    with house.app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT counted_log_id FROM site")).scalar() == 0
    house.close()


def test_an_upgrade_that_is_refused_leaves_the_old_tables(new_database):  # noqa: F811 — the fixture.
    house = House({**new_database, "SQLITE_SYNCHRONOUS": "normal"})
    migrate(house, "0001", command.upgrade)
    with house.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE former_path (path TEXT)"))

    with pytest.raises(Exception, match="former_path"):
        migrate(house, "0002", command.upgrade)

    with house.app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0001"
        assert not connection.dialect.has_table(connection, "search_word")
    house.close()


def test_without_issuers_nobody_whom_they_signed_in_stays_and_no_session_lasts_longer(new_database):  # noqa: F811
    house = House({**new_database, "SQLITE_SYNCHRONOUS": "normal"})
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    make_person(house, "ben")
    with house.app.app_context(), writing():
        known = {"now": house.clock(), "address": None, "device": ""}
        ways = (None, Entrance("a", "https://a.test", 60), Entrance("b", "https://b.test"))
        plain, *others = [begin(find_person("ben"), **known, by_way_of=way).id for way in ways]

    migrate(house, "0003", command.downgrade)
    ended = {row["id"]: row["ended_at"] for row in house.rows("SELECT id, ended_at FROM session")}
    migrate(house, "0004", command.upgrade)

    assert ended[plain] is None and all(ended[each] is not None for each in others)
    house.close()


# A node of the release before, while nodes are replaced one by one


def upgrade_by_hand(house, revision, *statements):
    """Do to the tables what a newer release would."""
    with house.app.app_context(), db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def revision_of(house):
    return house.rows("SELECT version_num FROM alembic_version")[0]["version_num"]


def test_an_older_node_starts_on_newer_tables_leaves_them_as_they_are_and_serves(database, caplog):
    # Given tables to which a newer release added what this one does not know,
    newer = House(database)
    make_person(newer, "ben")
    make_asset(newer, "a")
    there = revision_of(newer)
    upgrade_by_hand(
        newer,
        "9001",
        "ALTER TABLE site ADD COLUMN colour VARCHAR(20) DEFAULT 'green' NOT NULL",
        "ALTER TABLE log ADD COLUMN weather TEXT",
        "CREATE TABLE from_the_future (id BIGINT PRIMARY KEY)",
    )
    try:
        # when a node of this release starts,
        older = House(database)
        with caplog.at_level(logging.WARNING), older.app.app_context():
            bring_up_to_date(older.mint.settings)

        # then it says so, changes nothing, and does everything that it did.
        assert "revision 9001, this code at" in caplog.text and revision_of(older) == "9001"
        client = older.signed_in("ben")
        assert client.get("/-/ready").status_code == 200 and client.get("/a").status_code == 200
        make_person(older, "ada", is_admin=True)
        assert older.signed_in("ada").get("/admin/log").status_code == 200
        assert older.run("site", "export", "-").stdout.startswith("mintmark: 1")
        older.close()
    finally:
        upgrade_by_hand(
            newer,
            there,
            "DROP TABLE from_the_future",
            "ALTER TABLE log DROP COLUMN weather",
            "ALTER TABLE site DROP COLUMN colour",
        )
        newer.close()


def test_tables_that_no_release_made_are_refused_with_a_line_and_left_alone(database):
    house = House(database)
    there = revision_of(house)
    upgrade_by_hand(house, "mine")
    try:
        with house.app.app_context(), pytest.raises(ConfigurationError, match="not known to this code.*mine"):
            bring_up_to_date(house.mint.settings)
        assert revision_of(house) == "mine"
    finally:
        upgrade_by_hand(house, there)
        house.close()


TAKES_AWAY = {"alter_column", "batch_alter_table", "drop_column", "drop_table", "rename_table"}


def test_migrations_only_add_to_what_the_release_before_uses():
    # The first four were made before there was a release. What goes, goes a release after nothing uses it.
    later = [path for path in sorted((MIGRATIONS / "versions").glob("*.py")) if path.name[:4] > "0004"]
    for path in later:
        functions = {each.name: each for each in ast.parse(path.read_text()).body if isinstance(each, ast.FunctionDef)}
        calls = [
            each
            for name, function in functions.items()
            if name != "downgrade"
            for each in ast.walk(function)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
        ]
        assert not {call.func.attr for call in calls} & TAKES_AWAY, path.name
        for call in calls:
            if call.func.attr == "add_column":
                given = {word.arg for word in call.args[1].keywords if ast.unparse(word) != "nullable=True"}
                assert "nullable" not in given or "server_default" in given, f"{path.name}: {ast.unparse(call)}"


def test_a_site_of_before_backups_learns_where_its_database_is(new_database):  # noqa: F811 — the fixture.
    house = House({**new_database, "SQLITE_SYNCHRONOUS": "normal"})
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    known = house.rows("SELECT place, restored_at FROM site")
    migrate(house, "0004", command.downgrade)
    assert "place" not in house.rows("SELECT * FROM site")[0]

    with house.app.app_context():
        bring_up_to_date(house.mint.settings)

    assert house.rows("SELECT place, restored_at FROM site") == known
    assert (known[0]["place"] is None) is house.mint.settings.is_sqlite and known[0]["restored_at"] is None
    house.close()
