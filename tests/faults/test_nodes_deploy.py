"""Two nodes are replaced one by one by a release with a migration, and then by the release before it (expand and contract)."""

import os
import re
import shutil
import time

import psycopg
import pytest

from tests.conftest import POSTGRESQL, skip_or_fail
from tests.faults.load import Load
from tests.faults.several import STARTS_WITHIN, migrate
from tests.faults.witness import Witness, in_words
from tests.serving import ROOT

pytestmark = pytest.mark.timeout(900)
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{following}", "{last}"


def upgrade():
    op.add_column("asset", sa.Column("colour", sa.String(20), nullable=False, server_default="green"))
    op.add_column("log", sa.Column("mood", sa.String(20)))
    op.create_table("later", sa.Column("id", sa.String(36), primary_key=True))
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """A copy of this release whose tables have more to them, as the next one may."""
    folder = tmp_path_factory.mktemp("newer") / "mintmark"
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("mintmark", "migrations", "templates", "static"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    shutil.copy(ROOT / "app.py", folder)
    versions = folder / "migrations" / "versions"
    last = max(path.name[:4] for path in versions.glob("*.py"))
    following = f"{int(last) + 1:04}"
    (versions / f"{following}_later.py").write_text(MIGRATION.format(last=last, following=following))
    return folder


@pytest.fixture
def own_database():
    """The address of an empty database, whose tables this test may change."""
    name = f"mintmark_deploy_{os.getpid()}"
    try:
        with psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    except psycopg.OperationalError:
        skip_or_fail("PostgreSQL does not answer.")
    yield POSTGRESQL.rpartition("/")[0] + "/" + name
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_nodes_that_are_replaced_by_the_next_release_and_back_lose_nothing(
    own_database, make_site, newer, tmp_path, told
):
    (tmp_path / "instance").mkdir(mode=0o700)
    site = make_site({"INSTANCE": str(tmp_path / "instance"), "DATABASE_URL": own_database})
    migrate(site.overrides)
    site.prepare(12)
    first, second = site.service, site.add_node()
    for node in (first, second):
        node.start(within=STARTS_WITHIN)
    spare, starts = site.cookies[8:], []

    with Load(site, tmp_path / "answers", clients=4, pause=0.2) as load:  # A node that starts needs the machine.
        witness = Witness(site, load)
        with witness:
            # When each node is replaced by the next release, and then by the present one again.
            pairs = ((first, second), (second, first))
            for code, (node, other) in ((code, pair) for code in (newer, ROOT) for pair in pairs):
                node.stop()
                starts.append(node.start(within=STARTS_WITHIN, command=["env", "--chdir", str(code)]))
                witness.recovery(time.monotonic(), tokens=10)
                # Then both serve, and what is ended at one is ended at the other, whichever release that is.
                assert [each.get("/-/ready")[0] for each in (first, second)] == [200, 200]
                see_signed_out(node, other, spare.pop())

    slowest = witness.judge()
    assert site.rows("SELECT DISTINCT colour FROM asset") == [("green",)], "nobody took the migration back"
    words = f"{len(starts)} nodes replaced, {in_words(load, slowest)}, slowest start {max(starts):.1f} s"
    told("rolling deploy of a migration and back", words)


def see_signed_out(node, other, cookie):
    """Sign somebody out at one node, who was signed in at both, and see that the other one knows at once."""
    assert [each.get("/a", cookie)[0] for each in (node, other)] == [200, 200]
    _, headers, page = node.get("/account", cookie)
    found = re.search(rb'name="csrf_token" value="([^"]+)"', page)[1].decode()
    with_token, form = headers["set-cookie"].partition(";")[0], {"Content-Type": "application/x-www-form-urlencoded"}
    assert node.get("/logout", with_token, "POST", form, f"csrf_token={found}")[0] == 303
    assert [each.get("/a", cookie)[0] for each in (node, other)] == [403, 403]
