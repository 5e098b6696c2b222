"""Another sealing key in place of the present one: moved while the site runs, and refused where one is missing.

ASVS 11.2.2, 13.3.4; NIST SP 800-57 part 1 §5.3: keys have an end, and what they protect is moved in time.
"""

import base64
import json
import threading
import time

import psycopg
import pytest

from mintmark import resealing, sessions, site
from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.commands import sealing_key
from mintmark.database import bring_up_to_date
from mintmark.errors import ConfigurationError
from mintmark.issuers import saving as issuers
from mintmark.issuers.secret import open_secret
from mintmark.models import OpenIDProvider, ProviderSession, db, writing
from mintmark.openid import saving as providers
from mintmark.openid.definition import read_provider
from mintmark.people import find_person
from mintmark.sessions import Entrance
from tests.conftest import SEALING_KEY, House
from tests.making import key_pair, make_asset, make_issuer, make_key, make_person

NEW = "new:" + base64.b64encode(b"the tests seal with another one.").decode()
AUD = '{"aud": "desk", "sub": "{{ user.username }}"}'
OTHER = "another-secret-of-another-desk-0123456789"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(sealing_key, "PAUSE_SECONDS", 0)


@pytest.fixture
def made(house):
    """A site with everything that is sealed, and a person `ben`; its own row is put back at the end."""
    kept = house.rows("SELECT sealed_check FROM site")[0]["sealed_check"]
    make_person(house, "ben")
    make_asset(house, "a")
    make_asset(house, "same")
    make_asset(house, "b", secret=OTHER)
    make_key(house, "k1", "ES256", number=0)
    make_asset(house, "keyed", AUD, algorithm="ES256", signing_key="k1", secret=None)
    yield house
    with house.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE site SET sealed_check = :kept"), {"kept": kept})


def run(house, *arguments):
    result = house.run("keys", *arguments)
    return result.exit_code, result.stdout, result.stderr


def sealed_by(house):
    rows = house.rows("SELECT sealed_by FROM secret UNION SELECT sealed_by FROM signing_key WHERE sealed IS NOT NULL")
    return {row["sealed_by"] for row in rows}


def tokens_of(house, *paths):
    client = house.signed_in("ben")
    return [client.get(f"/{path}").status_code for path in paths]


def start(house):
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)


@pytest.mark.both_databases
def test_everything_is_moved_and_then_the_new_key_alone_is_enough(made, make_house, capfd):
    before = made.rows("SELECT path, fingerprint FROM asset ORDER BY path")
    both = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")

    code, out, errors = run(both, "reseal")

    assert (code, errors) == (0, "")
    assert out.splitlines()[:2] == [
        "3 secrets and 1 signing key moved to the sealing key new. Fingerprints of secrets are others now.",
        "Nothing is sealed with test any more; it may be taken out now: out of MINTMARK_SEALING_KEY",
    ]
    assert sealed_by(made) == {"new"}
    (row,) = made.log("site.resealed")
    assert row["detail"] == '{"sealing_key":"new","secrets":3,"signing_keys":1}' and row["actor"].startswith("command")
    after = made.rows("SELECT path, fingerprint FROM asset ORDER BY path")
    prints = {row["path"]: row["fingerprint"] for row in after}
    assert after != before and prints["a"] == prints["same"] != prints["b"] and prints["keyed"] == ""
    assert {row["fingerprint"] for row in made.rows("SELECT fingerprint FROM secret")} == {prints["a"], prints["b"]}

    # Then one with the new key alone starts and issues; whoever has prepared assets goes on with both.
    alone = make_house(SEALING_KEY=NEW)
    start(alone)
    assert tokens_of(alone, "a", "b", "keyed") == tokens_of(both, "a", "b", "keyed") == [200] * 3
    assert alone.run("check").exit_code == 0


@pytest.mark.both_databases
def test_what_is_kept_of_issuers_providers_and_their_sessions_is_moved_too(made, make_house):
    issuer_id = make_issuer(made, secret=OTHER + "-of-an-issuer")
    make_issuer(made, "https://keys.test", name="keys", algorithm="ES256", keys=[("k", key_pair("ES256", 1).public)])
    old = made.mint.settings.sealer
    with made.app.app_context(), writing() as session:
        values = read_provider(
            {"name": "campus", "issuer": "https://id.test", "client_id": "x"},
            group_ids={}, attributes={}, site_url="http://a.test", fetch_also=frozenset(),
        )  # fmt: skip
        provider = providers.create(values, secret="a client secret", sealer=old, by=made.by())
        way = Entrance(provider.id, "https://id.test")
        begun = sessions.begin(find_person("ben"), now=made.clock(), address=None, device="", by_way_of=way)
        place = {"table": "provider_session", "row": begun.id, "column": "sealed"}
        sealed = old.seal(b"an ID token", **place)
        session.flush()
        session.add(ProviderSession(id=begun.id, provider_id=provider.id, sealed=sealed, sealed_by="test"))
        session.add(
            OpenIDProvider(
                name="public", issuer="x", client_id="x", definition={}, live=False, created_at=0, revised_at=0
            )
        )
    with pytest.raises(ConfigurationError, match="the sealing key test, which"):
        start(make_house(SEALING_KEY=NEW))

    code, out, errors = run(make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), "reseal")

    assert (code, errors) == (0, "")
    assert out.startswith("3 secrets, 1 signing key, 1 issuer’s secret, 1 client secret and 1 ID token moved to the")
    detail = json.loads(made.log("site.resealed")[0]["detail"])
    assert {name: detail[name] for name in detail if name not in ("secrets", "signing_keys")} == {
        "sealing_key": "new", "trusted_issuers": 1, "openid_providers": 1, "provider_sessions": 1,
    }  # fmt: skip
    alone = make_house(SEALING_KEY=NEW)
    start(alone)
    sealer = alone.mint.settings.sealer
    with alone.app.app_context():
        issuer = issuers.get_issuer(issuer_id)
        assert open_secret(issuer, sealer=sealer).decode() == OTHER + "-of-an-issuer"
        assert (issuer.sealed_by, issuer.fingerprint) == ("new", sealer.fingerprint((OTHER + "-of-an-issuer").encode()))
        assert providers.open_secret(providers.find_live("campus"), sealer=sealer) == "a client secret"
        kept = db.session.get_one(ProviderSession, place["row"])
        assert sealer.open(kept.sealed, **place) == b"an ID token"


@pytest.mark.slow
def test_an_issuer_whose_secret_does_not_open_is_named_too(made, make_house):
    make_issuer(made, secret=OTHER + "-of-an-issuer")
    with made.app.app_context(), writing() as session:
        damaged = {"sealed": b"\x01\x04test" + b"damaged" * 9}
        session.execute(db.text("UPDATE trusted_issuer SET sealed = :sealed"), damaged)

    code, out, errors = run(make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), "reseal")

    assert (code, errors) == (
        1,
        "error: portal: the secret of this trusted issuer does not open and was left as it is\n",
    )
    assert "Something is sealed with test still: leave it where it is." in out


@pytest.mark.slow
def test_run_again_it_moves_nothing_and_notes_nothing(made, make_house):
    both = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")
    run(both, "reseal")

    code, out, _ = run(both, "reseal")

    assert code == 0 and out.startswith("Nothing was left to move to the sealing key new.\nNothing is sealed with test")
    assert len(made.log("site.resealed")) == 1


@pytest.mark.slow
def test_with_one_key_there_is_nothing_to_do(made):
    assert run(made, "reseal") == (0, "Nothing was left to move to the sealing key test.\n", "")
    assert made.log("site.resealed") == []


@pytest.mark.slow
def test_rows_from_before_that_do_not_say_who_sealed_them_are_moved_too(made, make_house):
    with made.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE secret SET sealed_by = ''"))
    with pytest.raises(ConfigurationError, match="the sealing key test, which"):
        start(make_house(SEALING_KEY=NEW))

    assert run(make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), "reseal")[0] == 0
    assert sealed_by(made) == {"new"}
    start(make_house(SEALING_KEY=NEW))


@pytest.mark.slow
def test_many_rows_are_moved_in_small_transactions(made, make_house, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 2)
    batches, move = [], resealing.move_some

    def counted(*arguments, **options):
        batches.append(move(*arguments, **options).moved)
        return resealing.Batch(batches[-1], [])

    monkeypatch.setattr(resealing, "move_some", counted)
    run(make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), "reseal")

    assert [batch for batch in batches if batch] == [2, 1, 1]
    assert len({row["fingerprint"] for row in made.rows("SELECT fingerprint FROM asset")}) == 3


@pytest.mark.slow
def test_what_does_not_open_is_named_and_left_and_its_key_stays_needed(made, make_house):
    with made.app.app_context(), writing() as session:
        session.execute(
            db.text("UPDATE secret SET sealed = :sealed WHERE asset_id = (SELECT id FROM asset WHERE path = 'b')"),
            {"sealed": b"\x01\x04test" + b"damaged" * 9},
        )
        session.execute(
            db.text("UPDATE signing_key SET sealed = :sealed"), {"sealed": b"\x01\x04test" + b"damaged" * 9}
        )
    both = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")

    code, out, errors = run(both, "reseal")

    assert code == 1
    assert errors.splitlines() == [
        "error: b: a secret of this asset, of now or before, does not open and was left as it is",
        "error: k1: this signing key does not open and was left as it is",
    ]
    assert out.splitlines() == [
        "2 secrets and 0 signing keys moved to the sealing key new. Fingerprints of secrets are others now.",
        "Something is sealed with test still: leave it where it is.",
    ]
    assert made.log("site.resealed")[0]["detail"] == '{"sealing_key":"new","secrets":2,"signing_keys":0,"broken":2}'


@pytest.mark.slow
def test_the_fingerprint_of_an_asset_is_that_of_the_secret_that_signs_in_the_end(made, make_house):
    with made.app.app_context(), writing():
        asset, sealer, by = save.find_asset("a"), made.mint.settings.sealer, made.by()
        overlap.stage(asset, read_secret(OTHER, "text", algorithm="HS256"), sealer=sealer, by=by)
        overlap.switch(asset, int(made.clock()) + 900, sealer=sealer, by=by)
    run(make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), "reseal")

    prints = {row["path"]: row["fingerprint"] for row in made.rows("SELECT path, fingerprint FROM asset")}
    assert prints["a"] == prints["b"] != prints["same"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_row_that_is_being_saved_is_left_until_it_is_free(made, make_house):
    url = made.overrides["DATABASE_URL"]
    both, result = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}"), []
    with psycopg.connect(url) as other:
        other.execute("UPDATE secret SET weak = true WHERE asset_id = (SELECT id FROM asset WHERE path = 'b')")
        other.execute("UPDATE asset SET name = 'B' WHERE path = 'b'")
        thread = threading.Thread(target=lambda: result.append(run(both, "reseal")))
        thread.start()
        deadline = time.monotonic() + 10
        while len(sealed_by(made)) == 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        assert result == [] and sealed_by(made) == {"new", "test"}
    thread.join()

    assert result[0][0] == 0 and "3 secrets" in result[0][1]
    rows = made.rows(
        "SELECT a.name, s.weak, a.fingerprint = s.fingerprint AS same FROM asset a JOIN secret s ON s.asset_id = a.id"
    )
    assert ("B", True, True) in [tuple(row.values()) for row in rows] and all(row["same"] for row in rows)


def is_waiting(house):
    """Tell whether somebody waits for a whole table of a PostgreSQL database."""
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    return bool(house.rows(f"SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareLock' AND {here}"))  # noqa: S608


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_end_waits_for_whoever_has_sealed_and_not_committed(made, make_house):
    both = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")
    with psycopg.connect(made.overrides["DATABASE_URL"]) as other:
        other.execute(
            "INSERT INTO secret (id, asset_id, sealed, sealed_by, fingerprint, kid, weak, created_at) SELECT 'late', asset_id, sealed, sealed_by, fingerprint, kid, weak, created_at FROM secret LIMIT 1"
        )
        result = []
        thread = threading.Thread(target=lambda: result.append(run(both, "reseal")))
        thread.start()
        deadline = time.monotonic() + 10
        while not (waits := is_waiting(made)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert waits and result == [] and made.log("site.resealed") == []
    thread.join()

    code, out, errors = result[0]
    assert code == 1 and "Something is sealed with test still" in out  # It was copied to a row where it does not open.
    assert len(made.log("site.resealed")) == 1


# What a start refuses


def contents(house):
    return [house.rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("site", "secret", "signing_key", "log")]  # noqa: S608


def test_a_key_that_is_missing_is_named_at_every_start_and_by_every_command(made, make_house, tmp_path):
    both = make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")
    make_asset(both, "late", secret=OTHER)  # Is sealed with the new key; all else with the old one.
    before = contents(made)

    for lines, missing in ((SEALING_KEY, "new"), (NEW, "test"), (f"third:{'A' * 43}=", "new and test")):
        wrong = make_house(SEALING_KEY=lines)
        with pytest.raises(ConfigurationError) as refusal:
            start(wrong)
        words = str(refusal.value)
        assert f"sealed with the sealing key {missing}, which this site does not have" in words
        assert "MINTMARK_SEALING_KEY after a comma" in words and "was not changed" in words
        for command in ("init", "create-admin ada", "site export", "site import -", "mint a --as ben", "check", "log export",
                        f"log archive --before 2020-01-01 {tmp_path / 'a'}", "keys list", "keys reseal", "keys public k1",
                        "keys new-sealing-key", "keys make k9 --algorithm ES256", "keys drop-sealing-key x"):  # fmt: skip
            result = wrong.run(*command.split(), input="mintmark: 1\n")
            assert (result.exit_code, result.stdout) == (1, ""), command
            assert result.stderr == f"error: {words}\n", command
    assert contents(made) == before


@pytest.mark.slow
def test_a_key_of_the_right_id_with_other_bytes_is_refused(made, make_house):
    with pytest.raises(ConfigurationError, match="is not the one that this database was sealed with"):
        start(make_house(SEALING_KEY=f"{NEW},test:{'A' * 43}="))


def test_a_database_of_before_is_refused_before_it_is_changed(sqlite_house):
    make_asset(sqlite_house, "a")
    with sqlite_house.app.app_context(), writing() as session:
        session.execute(db.text("DROP TABLE signing_key"))  # As it was when nothing said who sealed.
        session.execute(db.text("UPDATE site SET sealed_check = x'00'"))

    with sqlite_house.app.app_context(), db.engine.connect() as connection:
        assert resealing.keys_in_use(connection) == {"test"}


@pytest.mark.slow
def test_the_link_for_the_first_administrator_works_whatever_key_is_in_front(make_house, house):
    old, new = make_house(SEALING_KEY=f"{SEALING_KEY},{NEW}"), make_house(SEALING_KEY=f"{NEW},{SEALING_KEY}")
    with old.app.app_context():
        code = site.setup_code(sealer=old.mint.settings.sealer)

    assert new.client().get(f"/setup?code={code}").status_code == 200
    assert make_house(SEALING_KEY=NEW).client().get(f"/setup?code={code}").status_code == 404


# The variable


def test_with_the_variable_the_new_key_is_printed_with_the_steps_and_nothing_is_changed(made, make_house):
    before = contents(made)

    code, line, steps = run(made, "new-sealing-key")

    assert (
        code == 0
        and len(line.splitlines()) == 1
        and [step[:2] for step in steps.splitlines()] == ["1.", "2.", "3.", "4."]
    )
    assert line.strip().partition(":")[2] not in steps and "test" in steps.splitlines()[3]
    assert contents(made) == before
    both = make_house(SEALING_KEY=f"{line.strip()},{SEALING_KEY}")
    assert run(both, "reseal")[0] == 0
    start(make_house(SEALING_KEY=line.strip()))


@pytest.mark.slow
def test_with_the_variable_the_file_is_left_alone(made, make_house):
    both = make_house(SEALING_KEY=f"{SEALING_KEY},{NEW}")
    code, out, words = run(both, "reseal", "--to", "new")
    assert (code, out) == (1, "") and "in front of the others in MINTMARK_SEALING_KEY, on every node" in words
    code, out, words = run(both, "drop-sealing-key", "new")
    assert (code, out) == (1, "") and "MINTMARK_SEALING_KEY" in words
    assert sealed_by(made) == {"test"}


def test_sessions_stay_while_keys_change_places(made, make_house):
    cookie = made.signed_in("ben").get_cookie("mintmark").value
    for lines in (f"{SEALING_KEY},{NEW}", f"{NEW},{SEALING_KEY}"):
        client = make_house(SEALING_KEY=lines).client()
        client.set_cookie("mintmark", cookie)
        assert client.get("/a").status_code == 200


# The file


@pytest.fixture
def with_file(database):
    """Makes houses whose sealing key is in the file of the instance folder, as processes of one machine."""
    houses = []

    def make():
        houses.append(House({name: value for name, value in database.items() if name != "SEALING_KEY"}))
        return houses[-1]

    with open(f"{database['INSTANCE']}/sealing-key", "x") as file:
        file.write(SEALING_KEY + "\n")
    yield make
    for house in houses:
        house.close()


def test_a_site_that_runs_goes_on_while_its_key_is_replaced(made, with_file):
    running, command = with_file(), with_file()
    client = running.signed_in("ben")
    assert client.get("/a").status_code == 200

    # Given a new key that seals nothing yet.
    code, out, _ = run(command, "new-sealing-key")
    key_id = out.split()[3]
    assert code == 0 and out.endswith(f"keys reseal --to {key_id}\n") and f"behind {'test'}" in out
    make_asset(running, "between", secret=OTHER)
    assert sealed_by(made) == {"test"}

    # When it is let to seal, and everything is moved.
    command = with_file()
    code, out, errors = run(command, "reseal", "--to", key_id)
    assert (code, errors) == (0, "") and "4 secrets and 1 signing key moved" in out
    assert "flask --app app keys drop-sealing-key test" in out

    # Then the site that runs issues what it had prepared and what it had not, and seals with the new one.
    assert [client.get(f"/{path}").status_code for path in ("a", "b", "keyed", "between")] == [200] * 4
    make_asset(running, "after", secret=OTHER + "x")
    assert sealed_by(made) == {key_id}
    assert run(command, "drop-sealing-key", "test") == (
        0,
        f"The sealing key test is no more in {running.mint.settings.sealer.source.path}.\n",
        "",
    )
    make_asset(running, "later", secret=OTHER + "y")
    assert client.get("/later").status_code == 200

    # And one that starts anew has that key alone.
    anew = with_file()
    start(anew)
    assert [key.key_id for key in anew.mint.settings.sealer.keys] == [key_id]
    assert tokens_of(anew, "a", "keyed", "later") == [200] * 3


@pytest.mark.slow
def test_a_key_is_only_dropped_where_nothing_is_sealed_with_it(made, with_file):
    house = with_file()
    key_id = run(house, "new-sealing-key")[1].split()[3]
    path = house.mint.settings.sealer.source.path

    assert "Something is sealed with test still" in run(house, "drop-sealing-key", "test")[2]
    assert run(house, "drop-sealing-key", key_id)[0] == 0  # It never sealed.
    key_id = run(house, "new-sealing-key")[1].split()[3]
    before = path.read_bytes()
    house.mint.settings.sealer.source.put_first(key_id)
    make_asset(house, "new", secret=OTHER)
    assert (
        "Something is sealed with test still; run `flask --app app keys reseal` first"
        in run(house, "drop-sealing-key", "test")[2]
    )
    assert "There is no sealing key nobody" in run(house, "drop-sealing-key", "nobody")[2]
    assert "There is no sealing key nobody" in run(house, "reseal", "--to", "nobody")[2]
    assert sorted(path.read_bytes().splitlines()) == sorted(before.splitlines())


@pytest.mark.slow
def test_no_secret_is_readable_on_the_disk_afterwards(made, with_file):
    if not made.mint.settings.is_sqlite:
        return
    house = with_file()
    key_id = run(house, "new-sealing-key")[1].split()[3]
    run(with_file(), "reseal", "--to", key_id)

    files = b"".join(path.read_bytes() for path in made.mint.settings.instance.iterdir() if path.name != "sealing-key")
    for value in (OTHER, "a-shared-secret-of-the-help-desk"):
        for form in (value.encode(), value.encode().hex().encode(), base64.b64encode(value.encode())[:-4]):
            assert form not in files
    assert (made.mint.settings.instance / "sealing-key").stat().st_mode & 0o777 == 0o600
