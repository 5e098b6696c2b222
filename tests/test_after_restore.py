"""`flask after-restore`: what was ended, revoked or switched off after a backup does not begin again with it."""

import json
import os

import pytest
from sqlalchemy import text

from mintmark import access_tokens, erasing, groups, identities, password_links, people, sessions
from mintmark.assets import save, trash
from mintmark.database import bring_up_to_date
from mintmark.issuers import keys as public_keys
from mintmark.issuers import saving
from mintmark.keys import changing, rings
from mintmark.models import Asset, OpenIDProvider, SigningKey, TrustedIssuer, db, writing
from mintmark.openid import saving as providers
from mintmark.people import find_person
from mintmark.serve import lock_instance
from tests.arrivals import post, refusal, token
from tests.conftest import PASSWORD, SEALING_KEY
from tests.making import (
    change_asset,
    hash_of,
    key_pair,
    make_asset,
    make_group,
    make_identity,
    make_issuer,
    make_key,
    make_next_key,
    make_person,
    make_provider,
)
from tests.restored import back_up, details_of, export_log, sqlite_from

pytestmark = pytest.mark.slow
AUD = '{"sub": "{{ user.username }}", "aud": "%s"}'


class Restored:
    """The site of a test, its backup, and the site that goes on from that."""

    def __init__(self, house, folder):
        self.house, self.folder, self.there, self.amount = house, folder, [], 0

    def back_up(self):
        self.amount += 1
        self.file = back_up(self.house, self.folder / f"backup-{self.amount}")

    def put_back(self):
        """Put the backup back elsewhere; nothing was done about it yet."""
        self.amount += 1
        house = sqlite_from(self.file, self.folder / f"there-{self.amount}", SEALING_KEY=SEALING_KEY)
        house.clock.now = self.house.clock.now
        self.there.append(house)
        return house

    def log(self):
        return export_log(self.house, self.folder / "log.jsonl")

    def after(self, *options):
        """Put the backup back, and say what happened since; return the house and what was printed."""
        options = options or ("--log", str(self.log()))
        house = self.put_back()
        result = house.run("after-restore", *options)
        assert result.exit_code == 0, result.output
        return house, result.stdout


@pytest.fixture
def site(sqlite_house, tmp_path):
    site = Restored(sqlite_house, tmp_path)
    yield site
    for house in site.there:
        house.close()


def do(house, act):
    """Do something to a site in a transaction."""
    with house.app.app_context(), writing():
        return act()


def key_ids(house):
    return {key["kid"] for key in house.client().get("/.well-known/jwks.json").json["keys"]}


def cookie_of(client):
    return client.get_cookie("mintmark").value


def came_back(house, cookie):
    """Tell whether a browser with a cookie of before is signed in."""
    client = house.client()
    client.set_cookie("mintmark", cookie)
    return client.get("/account").status_code == 200


# What ends always


@pytest.mark.parametrize("option", ["--log", "--without-log"])
def test_no_session_access_token_or_link_of_before_works(site, option):
    # Given somebody who is signed in, has an access token and a link, at the backup and no more a moment later,
    house = site.house
    make_person(house, "ben")
    asset = make_asset(house, "a")
    client = house.signed_in("ben")
    session_id = house.rows("SELECT id FROM session")[0]["id"]
    access_token, code = do(house, lambda: (
        access_tokens.make(find_person("ben"), "laptop", [asset], 30, by=house.by()),
        password_links.make_link(find_person("ben"), by=house.by()),
    ))  # fmt: skip
    site.back_up()
    do(house, lambda: sessions.end(session_id, now=house.clock()))
    headers = {"Authorization": f"Bearer {access_token}"}

    # then the backup alone would revive all of it,
    naive = site.put_back()
    assert came_back(naive, cookie_of(client)) and naive.client().get("/a", headers=headers).status_code == 200

    # and does not once it was said what happened.
    options = ("--without-log",) if option == "--without-log" else ()
    there, said = site.after(*options)
    assert "Ended: 1 sessions, 1 access tokens, 1 links to set a password" in said
    assert not came_back(there, cookie_of(client))
    assert there.client().get("/a", headers=headers).status_code == 403
    with there.app.app_context():
        assert password_links.find_person(code, now=there.clock()) is None
    [detail] = details_of(there, "site.restored")
    assert detail["sessions"] == 1 and detail["without_log"] is (option == "--without-log")


def test_a_token_that_signed_in_after_the_backup_signs_nobody_in_again(site):
    # Given two tokens that are spent after the backup,
    house = site.house
    make_person(house, "ben")
    make_identity(house, make_issuer(house), "ben", "ben")
    site.back_up()
    house.clock.advance(60)
    spent = [token(house) for _ in range(2)]
    assert [post(house.client(), each).status_code for each in spent] == [200, 200]
    assert refusal(post(house.client(), spent[0]))[2] == "token_used"
    house.clock.advance(5)

    # then the backup alone takes one of them again,
    assert post(site.put_back().client(), spent[0]).status_code == 200

    # and once it was said what happened none of before: not either of an issuer whose clock is ahead; but new ones.
    there, _ = site.after()
    assert refusal(post(there.client(), spent[1])) == (401, "Token expired", "token_expired")
    ahead = token(there, iat=int(there.clock()) + 30)
    assert refusal(post(there.client(), ahead))[2] == "token_expired"
    there.clock.advance(31)
    assert post(there.client(), token(there)).status_code == 200
    row = there.log("person.sign_in_refused")[-1]
    assert "before the site was restored" in json.loads(row["detail"])["words"]


def test_a_machine_whose_clock_is_behind_revives_no_token(site):
    house = site.house
    make_person(house, "ben")
    make_identity(house, make_issuer(house), "ben", "ben")
    site.back_up()
    house.clock.advance(600)
    spent = token(house)
    assert post(house.client(), spent).status_code == 200
    log = site.log()
    house.clock.advance(-400)

    there, _ = site.after("--log", str(log))

    there.clock.advance(420)  # It goes right again.
    assert refusal(post(there.client(), spent))[2] == "token_expired"


def test_the_link_for_the_first_administrator_works_no_more(site):
    site.back_up()

    there, said = site.after("--without-log")

    assert "links for the first administrator" in said
    assert there.rows("SELECT set_up_at FROM site")[0]["set_up_at"] is not None


# Signing keys


@pytest.mark.parametrize("way", ["--log", "--without-log"])
def test_a_key_that_was_revoked_since_neither_signs_nor_stands_in_the_key_set(site, way):
    house = site.house
    make_person(house, "ben")
    make_key(house, "k1", number=1)
    make_key(house, "k2", number=2)
    make_asset(house, "a", AUD % "a", signing_key="k1", algorithm="ES256")
    make_asset(house, "b", AUD % "b", signing_key="k2", algorithm="ES256")
    site.back_up()
    assert house.run("keys", "revoke", "k1", "--yes").exit_code == 0
    assert key_ids(site.put_back()) == {"k1", "k2"}

    there, said = site.after(*(() if way == "--log" else (way,)))

    assert "k1: revoked" in said
    published = key_ids(there)
    assert "k1" not in published and ("k2" in published) is (way == "--log") and len(published) == 2
    client = there.signed_in("ben")
    for path in ("a", "b"):
        assert client.get(f"/{path}").status_code == 200
    assert {row["kid"] for row in there.log("token.issued")} == published
    gone = {row["key_id"]: row["sealed"] for row in there.rows("SELECT key_id, sealed FROM signing_key")}
    assert gone["k1"] is None
    events = [row["event"] for row in there.log() if row["kid"] == "k1"]
    assert events[-1] == "key.revoked"


def test_without_a_log_each_ring_goes_on_with_one_new_key_whatever_stood_in_it(site):
    # Given rings with a key that retired, one that signs, one that follows; with two that wait; with none that signs,
    house = site.house
    make_key(house, "old")
    make_asset(house, "a", AUD % "a", signing_key="old", algorithm="ES256", lifetime=3600)
    make_next_key(house, "old", "present")
    house.clock.advance(1000)
    make_next_key(house, "present", "next")
    make_key(house, "later", signs_from_at=int(house.clock()) + 5000)
    make_next_key(house, "later", "latest", signs_from_at=int(house.clock()) + 9000)
    make_key(house, "off")
    do(
        house,
        lambda: changing.revoke(rings.find_key("off"), None, None, sealer=house.mint.settings.sealer, by=house.by()),
    )
    site.back_up()

    there, _ = site.after("--without-log")

    with there.app.app_context():
        for key_id, signing in (("old", 1), ("later", 1), ("off", 0)):
            ring = rings.find_key(key_id).ring_id
            states = [changing.state_of(key, there.clock()) for key in rings.keys_of(ring)]
            assert states.count("signing") == signing and set(states) <= {"signing", "revoked"}, key_id
            assert {key.algorithm for key in rings.keys_of(ring)} == {"ES256"}
            assert [key for key in rings.keys_of(ring) if key.retired_at is None and key.revoked_at is None] == [
                key for key in rings.keys_of(ring) if key.revoked_at is None
            ]
        assert db.session.query(SigningKey).filter(SigningKey.revoked_at.is_(None)).count() == 2


def test_a_key_that_was_retired_and_unpublished_since_is_revoked_where_it_signs_again(site):
    house = site.house
    make_asset_with_endless_tokens(house)
    site.back_up()
    make_next_key(house, "k1", "k2")
    house.clock.advance(1000)
    do(house, lambda: changing.unpublish(rings.find_key("k1"), by=house.by()))

    there, said = site.after()

    assert "signing key k1: revoked" in said
    assert "k1" not in key_ids(there)


def make_asset_with_endless_tokens(house):
    make_key(house, "k1", number=1)
    make_asset(house, "a", AUD % "a", signing_key="k1", algorithm="ES256", lifetime=None)


# People and groups


def test_people_are_switched_off_erased_unlinked_and_taken_out_again(site):
    # Given people, of whom something is taken away after the backup,
    house = site.house
    for name in ("staff", "editors", "gone"):
        make_group(house, name)
    issuer = make_issuer(house)
    for name in ("off", "on-again", "erased", "unlinked", "less", "in", "ada"):
        make_person(
            house, name, groups=["staff", "editors", "gone"], roles=["boss"], is_admin=name in ("ada", "erased")
        )
        if name in ("unlinked", "off"):
            make_identity(house, issuer, name, name)
    site.back_up()
    by = house.by("somebody")
    ids = {row["name"]: row["id"] for row in house.rows("SELECT id, name FROM people_group")}

    def take_away():
        people.revise(find_person("off"), {"live": False}, by=by)
        people.revise(find_person("on-again"), {"live": False}, by=by)
        people.revise(find_person("on-again"), {"live": True, "email": "new@example.test"}, by=by)
        erasing.erase(find_person("erased"), by=by)
        [identity] = identities.of_person(find_person("unlinked").id)
        identities.unlink(identity.id, find_person("unlinked").id, by=by)
        people.revise(find_person("less"), {"roles": [], "is_admin": False}, by=by)
        people.set_password_hash(find_person("less"), hash_of("another password"), by=by)
        people.revise(find_person("in"), {"groups": [ids["editors"]]}, by=by)
        groups.rename(groups.get_group(ids["editors"]), "writers", by=by)
        people.revise(find_person("in"), {"groups": []}, by=by)
        people.revise(find_person("in"), {"groups": [ids["staff"]]}, by=by)
        groups.empty_some(groups.get_group(ids["gone"]), most=99)
        groups.remove(groups.get_group(ids["gone"]), by=by)

    do(house, take_away)

    # when the backup is put back and it was said what happened,
    there, said = site.after()

    # then they are as they were left, and what nobody could know is taken away and said.
    live = {row["username"]: bool(row["live"]) for row in there.rows("SELECT username, live FROM person")}
    assert live == {
        "off": False,
        "on-again": True,
        "erased": False,
        "unlinked": True,
        "less": True,
        "in": True,
        "ada": True,
    }
    with there.app.app_context():
        assert find_person("erased").erased_at is not None and find_person("erased").first_name is None
        assert identities.of_person(find_person("unlinked").id) == []
        assert find_person("less").roles == [] and find_person("less").password_hash is None
        assert groups.of_person(find_person("in").id) == {ids["staff"]}
        assert ids["gone"] not in groups.names_by_id()
    assert there.client().post("/login").status_code != 500
    for line in (
        "person off: switched off",
        "person erased: erased",
        "person unlinked: unlinked from unlinked of https://portal.test",
        "person in: out of the group editors",
        "group gone: removed",
        "person less: roles were changed since; taken away: boss",
        "person less: set another password since",
        "person on-again: email",
    ):
        assert line in said, said
    assert "boss" in json.dumps(there.rows("SELECT roles FROM person WHERE username = 'off'"))
    assert PASSWORD not in said


def test_the_last_administrator_of_the_backup_is_no_less_erased(site):
    house = site.house
    make_person(house, "ada", is_admin=True)
    site.back_up()
    make_person(house, "eve", is_admin=True)
    do(house, lambda: erasing.erase(find_person("ada"), by=house.by("eve")))

    there, said = site.after()

    assert "person ada: erased" in said and "person.created 1" in said
    assert there.rows("SELECT is_admin, live FROM person") == [{"is_admin": 0, "live": 0}]


# Issuers, providers and assets


def test_issuers_and_providers_are_removed_or_switched_off_again(site):
    house = site.house
    keys = [
        ("k1", key_pair("ES256", 3).public),
        ("k2", key_pair("ES256", 4).public),
        ("k3", key_pair("ES256", 5).public),
    ]
    made = {
        name: make_issuer(house, f"https://{name}.test", name=name, algorithm="ES256", keys=keys)
        for name in ("removed", "off", "changed", "renamed", "keyed", "untouched")
    }
    made |= {
        name: make_provider(house, f"https://{name}.test", name=name) for name in ("p-removed", "p-off", "p-secret")
    }
    site.back_up()
    by, sealer = house.by(), house.mint.settings.sealer

    def issuer(name):
        return db.session.get_one(TrustedIssuer, made[name])

    def revise(which, **fields):
        row = issuer(which)
        definition = {**row.definition, **{key: value for key, value in fields.items() if key != "name"}}
        values = {
            "issuer": row.issuer,
            "name": fields.get("name", row.name),
            "live": row.live,
            "definition": definition,
        }
        saving.revise(row, values, by=by, sealer=sealer)

    def take_away():
        saving.remove(issuer("removed"), by=by)
        saving.switch(issuer("off"), False, by=by)
        revise("changed", create_people=False, max_lifetime=60)
        revise("renamed", name="called-otherwise")
        public_keys.switch(issuer("keyed"), "k1", False, by=by)
        public_keys.remove(issuer("keyed"), "k2", by=by)
        public_keys.add(issuer("keyed"), "k2", key_pair("ES256", 6).public, by=by)
        providers.remove(db.session.get_one(OpenIDProvider, made["p-removed"]), by=by)
        providers.switch(db.session.get_one(OpenIDProvider, made["p-off"]), False, by=by)
        providers.set_secret(db.session.get_one(OpenIDProvider, made["p-secret"]), "another", sealer=sealer, by=by)

    do(house, take_away)

    there, said = site.after()

    found = {row["name"]: bool(row["live"]) for row in there.rows("SELECT name, live FROM trusted_issuer")}
    assert found == {"off": False, "changed": False, "renamed": True, "keyed": True, "untouched": True}
    found = {row["name"]: bool(row["live"]) for row in there.rows("SELECT name, live FROM openid_provider")}
    assert found == {"p-off": False, "p-secret": True}
    sql = "SELECT key_id, live FROM issuer_key WHERE issuer_id = :id ORDER BY key_id"
    found = {row["key_id"]: bool(row["live"]) for row in there.rows(sql, id=made["keyed"])}
    assert found == {"k1": False, "k3": True}
    assert "trusted issuer removed: removed" in said and "OpenID provider p-off: switched off" in said
    assert "trusted issuer changed: switched off, for since the backup it was changed in max_lifetime" in said


def test_assets_are_trashed_purged_narrowed_or_switched_off_again(site):
    house = site.house
    make_group(house, "staff")
    make_group(house, "guests")
    make_person(house, "ben", groups=["guests"])
    made = {
        path: make_asset(house, path, readers="everyone" if path == "everyone" else ["staff", "guests"])
        for path in ("trashed", "purged", "back", "fewer", "more", "everyone", "template", "secret", "named", "off")
    }
    site.back_up()
    by, sealer = house.by(), house.mint.settings.sealer
    ids = {row["name"]: row["id"] for row in house.rows("SELECT id, name FROM people_group")}

    def asset(path):
        return db.session.get_one(Asset, made[path])

    def take_away():
        for path in ("trashed", "purged", "back"):
            trash.trash(asset(path), by=by)
        trash.purge(asset("purged"), by=by)
        trash.restore(asset("back"), "back", sealer=sealer, by=by)

    do(house, take_away)
    change_asset(house, "fewer", readers=[ids["staff"]])
    change_asset(house, "everyone", readers=[ids["staff"]])
    change_asset(house, "more", readers="everyone")
    change_asset(house, "template", template='{"sub": "x"}')
    change_asset(house, "named", name="Another name")
    change_asset(house, "off", live=False)
    do(house, lambda: save.revise(asset("secret"), dict(save.current_revision(asset("secret")).definition),
                                  _other_secret(), sealer=sealer, by=by))  # fmt: skip

    there, said = site.after()

    client = there.signed_in("ben")
    statuses = {path: client.get(f"/{path}").status_code for path in made}
    assert statuses == {
        "trashed": 404, "purged": 404, "back": 200, "fewer": 403, "everyone": 403, "more": 200, "template": 404,
        "secret": 404, "named": 200, "off": 404,
    }  # fmt: skip
    assert there.rows("SELECT path FROM asset WHERE trashed_at IS NOT NULL") == [{"path": "trashed"}]
    assert there.rows("SELECT id FROM asset WHERE path = 'purged'") == []
    for line in ("asset fewer: readers are staff", "asset purged: purged", "asset secret: switched off, for since"):
        assert line in said, said
    assert "asset.revised 7" in said


def _other_secret():
    from mintmark.assets.secrets import read_secret

    return read_secret("another-secret-of-the-help-desk-9876543210", "text", algorithm="HS256")


# What is asked, and what is refused


def test_without_a_word_about_the_log_nothing_is_done(site):
    make_person(site.house, "ben")
    site.house.signed_in("ben")
    site.back_up()
    there = site.put_back()

    result = there.run("after-restore")

    assert result.exit_code == 1 and "--without-log" in result.stderr
    assert there.rows("SELECT count(*) AS n FROM session WHERE ended_at IS NULL") == [{"n": 1}]
    assert there.run("after-restore", "--moved", "--without-log").exit_code == 2


def test_a_log_that_is_none_or_anothers_or_begins_too_late_is_refused_and_nothing_is_done(site, tmp_path):
    house = site.house
    make_person(house, "ben")
    site.back_up()
    for name in ("ada", "eve"):
        make_person(house, name)
    lines = site.log().read_text().splitlines()
    other = json.loads(lines[0]) | {"at": "2020-01-01T00:00:00.000Z"}
    there = site.put_back()
    cases = {
        "line 2 is no row": [lines[0], lines[1][:40]],
        "line 1 is no row": ["[]"],
        "another site": [json.dumps(other)],
        "what is between is in no file": lines[-1:],
    }
    for number, (words, content) in enumerate(cases.items()):
        file = tmp_path / f"log-{number}"
        file.write_text("\n".join(content) + "\n")
        result = there.run("after-restore", "--log", str(file))
        assert result.exit_code == 1 and words in result.stderr, result.output
    assert there.log("site.restored") == []
    assert there.run("after-restore", "--log", str(tmp_path / "none")).exit_code == 2


def test_a_log_that_cannot_be_the_whole_of_it_is_refused_and_is_followed_only_as_far_as_it_goes(site, tmp_path):
    # Given somebody who is switched off after the backup, and logs that do not say so,
    house = site.house
    make_person(house, "mallory")
    before = export_log(house, tmp_path / "before").read_text().splitlines()
    make_person(house, "ben")
    known = house.log()[-1]["id"]
    site.back_up()
    do(house, lambda: people.revise(find_person("mallory"), {"live": False}, by=house.by()))
    off = house.log()[-1]["id"]
    for name in ("ada", "eve"):
        make_person(house, name)
    lines = site.log().read_text().splitlines()
    there = site.put_back()
    cases = {
        "has no row at all": [[]],
        f"ends with row {len(before)}, and the backup with row {known}": [before],
        f"lacks row {off}, from before 2027-01-15T08:00:00": [[*lines[: off - 1], *lines[off:]]],
        f"lacks rows {known + 1} to {off} ({off - known} ids), from": [lines[off:], lines[:known]],
    }

    # when one is given for all that happened since, then it is refused, and nothing is done;
    for words, contents in cases.items():
        files = [tmp_path / f"part-{number}" for number in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            file.write_text("".join(f"{line}\n" for line in content))
        options = [part for file in files for part in ("--log", str(file))]
        result = there.run("after-restore", *options)
        assert result.exit_code == 1 and words in result.stderr and "--without-log" in result.stderr, result.output
    assert there.log("site.restored") == []

    # and when it is said that this is not all, then it is said what is missing, and where it ends.
    said = there.run("after-restore", "--without-log", *options).stdout
    assert f"  rows {known + 1} to {off} (" in said and f"The log is known up to row {len(lines)} of 2027" in said
    # In any order, and again, the whole of it is the whole.
    for file, content in zip(files, (reversed(lines[off - 1 :]), lines[:off]), strict=True):
        file.write_text("".join(f"{line}\n" for line in content))
    said = there.run("after-restore", *options).stdout
    assert "person mallory: switched off" in said and "in no file" not in said


def test_without_a_log_it_is_known_up_to_the_end_of_the_backup(site):
    make_person(site.house, "ben")
    site.back_up()

    _, said = site.after("--without-log")

    last = site.house.log("person.created")[-1]["id"]
    assert f"The log is known up to row {last}, with which the backup ends" in said


def test_an_id_that_a_failed_transaction_used_up_is_said_on_postgresql_and_is_none_on_sqlite(house, tmp_path):
    # Given a transaction that fails after the moment to which the database goes back, and one that does not,
    make_person(house, "ben")
    known = house.log()[-1]["id"]
    with pytest.raises(RuntimeError):
        do(house, lambda: _fail_after(people.revise(find_person("ben"), {"email": "a@b.test"}, by=house.by())))
    do(house, lambda: people.revise(find_person("ben"), {"live": False}, by=house.by()))
    log = export_log(house, tmp_path / "log.jsonl")
    _go_back(house, known)

    # then a copy that the site does not notice is taken for the site itself,
    refused = house.run("after-restore", "--log", str(log))
    assert refused.exit_code == 1 and "--not-noticed" in refused.stderr
    assert house.log()[-1]["id"] == known

    # until somebody says so; and the gap is said where there is one.
    result = house.run("after-restore", "--not-noticed", "--log", str(log))
    assert result.exit_code == 0 and "person ben: switched off" in result.stdout, result.output
    is_postgresql = "DATABASE_URL" in house.overrides
    assert (f"  row {known + 1}, from before 2027-01-15T08:00:00.000Z" in result.stdout) is is_postgresql
    assert details_of(house, "site.restored")[0].get("gaps") == (1 if is_postgresql else None)


def _fail_after(_done):
    db.session.flush()
    raise RuntimeError


def _go_back(house, known):
    """Make of a site what a snapshot of that moment would be."""
    with house.app.app_context(), writing():
        db.session.execute(text("DELETE FROM log WHERE id > :known"), {"known": known})
        db.session.execute(text("UPDATE person SET live = :live"), {"live": True})


def test_a_site_that_was_never_restored_or_lives_on_signs_nobody_out(site):
    # Given a site where somebody is signed in,
    house = site.house
    make_person(house, "ben")
    house.signed_in("ben")
    log = str(site.log())

    # then nothing ends there, whatever is said of the log,
    for options in (["--without-log"], ["--log", log]):
        result = house.run("after-restore", *options)
        assert result.exit_code == 1 and "Nothing was ended" in result.stderr
    assert house.log("site.restored") == []

    # and where it was restored, it is done again at once, but not when people are in.
    site.back_up()
    there, _ = site.after("--without-log")
    assert there.run("after-restore", "--without-log").exit_code == 0
    there.signed_in("ben")
    assert there.run("after-restore", "--without-log").exit_code == 1
    assert len(there.log("site.restored")) == 2
    assert there.run("after-restore", "--without-log", "--not-noticed").exit_code == 0
    assert there.run("after-restore", "--moved", "--not-noticed").exit_code == 2


def test_a_backup_that_was_made_right_behind_a_restore_is_a_new_one(site):
    # Given a restore, a backup of what it left, and a log that ends before that,
    make_person(site.house, "ben")
    site.back_up()
    old = site.log()
    first, _ = site.after("--log", str(old))
    again = Restored(first, site.folder / "again")
    again.folder.mkdir()
    again.back_up()
    second = again.put_back()
    site.there += again.there

    result = second.run("after-restore", "--log", str(old))

    assert result.exit_code == 1 and "it says nothing of the time since" in result.stderr


def test_nothing_is_done_while_the_site_serves(site):
    site.back_up()
    there = site.put_back()
    lock = lock_instance(there.mint.settings)
    try:
        for option in ("--without-log", "--moved"):
            result = there.run("after-restore", option)
            assert result.exit_code == 1 and "is serving from" in result.stderr
    finally:
        os.close(lock)
    assert there.log("site.restored") == []
    assert there.run("after-restore", "--without-log").exit_code == 0


def test_archives_of_before_and_after_the_backup_may_be_given_with_the_rest(site, tmp_path):
    # Given rows that were archived before the backup, and some after it,
    house = site.house
    make_person(house, "ben")
    do(house, lambda: people.revise(find_person("ben"), {"live": False}, by=house.by()))
    do(house, lambda: people.revise(find_person("ben"), {"live": True}, by=house.by()))
    house.clock.advance(86_400)
    assert house.run("log", "archive", "--before", "2027-01-16", str(tmp_path / "first")).exit_code == 0
    site.back_up()
    make_person(house, "eve")
    house.clock.advance(86_400)
    assert house.run("log", "archive", "--before", "2027-01-17", str(tmp_path / "second")).exit_code == 0
    make_person(house, "zoe")

    files = [tmp_path / "first", tmp_path / "second", site.log()]
    there, said = site.after(*(part for file in files for part in ("--log", str(file))))

    # then what was long past is not taken for new.
    assert "person.created 2" in said and "switched off" not in said
    assert there.rows("SELECT live FROM person") == [{"live": 1}]


def test_rows_of_the_log_get_ids_that_none_had_and_it_may_be_done_again(site):
    house = site.house
    make_person(house, "ben")
    site.back_up()
    known = house.log()[-1]["id"]
    do(house, lambda: people.revise(find_person("ben"), {"live": False}, by=house.by()))
    log = site.log()
    lost = house.log()[-1]["id"]

    there, _ = site.after("--log", str(log))

    assert min(row["id"] for row in there.log() if row["id"] > known) > lost
    again = there.run("after-restore", "--log", str(log))
    assert again.exit_code == 0 and "switched off" not in again.stdout, again.output
    assert there.run("after-restore", "--without-log").exit_code == 0
    assert there.log()[-1]["id"] > 1_000_000_000
    assert [row["live"] for row in there.rows("SELECT live FROM person")] == [0]
    assert len(there.log("site.restored")) == 3


def test_a_database_that_was_only_moved_serves_without_anything_ended(site):
    make_person(site.house, "ben")
    client = site.house.signed_in("ben")
    site.back_up()
    there = site.put_back()

    assert there.run("after-restore", "--moved").exit_code == 0

    assert came_back(there, cookie_of(client)) and there.run("init").exit_code == 0
    assert details_of(there, "site.restored") == [{"moved": True}]


def test_an_empty_database_is_no_restored_one(tmp_path):
    from tests.conftest import House

    house = House({"INSTANCE": str(tmp_path / "i"), "SEALING_KEY": SEALING_KEY})
    result = house.run("after-restore", "--without-log")

    assert result.exit_code == 1 and "empty" in result.stderr
    with house.app.app_context():
        bring_up_to_date(house.mint.settings)
    house.close()
