"""Migrations of a site that is in use: nothing is lost, and what new columns repeat is right."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from mintmark.database import MIGRATIONS, bring_up_to_date
from mintmark.models import db
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
