"""Two secrets of an asset side by side: staged, tried, switched to, stepped back from; each act a revision."""

import json
from dataclasses import replace

import pytest

from mintmark.assets import overlap, save
from mintmark.assets.credentials import Credentials
from mintmark.assets.secrets import open_secret, read_secret
from mintmark.errors import FieldError
from mintmark.models import Secret, db, writing
from mintmark.unverified import read_unverified
from tests.conftest import SECRET
from tests.making import change_asset, make_asset, make_key, make_person
from tests.test_check_command import check
from tests.test_examine_contract import rewrite

OTHER = "another-secret-of-the-help-desk-9876543210"
THIRD = "a-third-secret-of-the-help-desk-1111111111111"
DAY = 86_400


class Bench:
    """An asset `a` with a shared secret, and the acts on it."""

    def __init__(self, house):
        self.house = house
        self.asset_id = make_asset(house, "a")

    def act(self, name, *arguments):
        with self.house.app.app_context(), writing():
            asset = save.lock_asset(self.asset_id)
            return getattr(overlap, name)(asset, *arguments, sealer=self.house.mint.settings.sealer, by=self.house.by())

    def stage(self, text=OTHER, kid=None, weak=False):
        return self.act("stage", replace(read_secret(text, "text", algorithm="HS256", weak=weak), kid=kid))

    def change(self, text):
        """Change the secret at once."""
        with self.house.app.app_context(), writing():
            asset = save.lock_asset(self.asset_id)
            secret = read_secret(text, "text", algorithm="HS256")
            definition = save.current_revision(asset).definition
            save.revise(asset, definition, secret, sealer=self.house.mint.settings.sealer, by=self.house.by())

    def signs(self):
        """Return the secret that signs now."""
        with self.house.app.app_context():
            credentials = Credentials.of(save.current_revision(save.find_asset("a")))
            row = db.session.get_one(Secret, credentials.present_secret_id(self.house.clock()))
            return open_secret(row, sealer=self.house.mint.settings.sealer).decode()

    def since(self, text):
        """Return since when a secret does what it does, in seconds from now; the last that was kept of it."""
        with self.house.app.app_context():
            sealer = self.house.mint.settings.sealer
            rows = db.session.scalars(db.select(Secret).order_by(Secret.created_at)).all()
            row = [each for each in rows if open_secret(each, sealer=sealer).decode() == text][-1]
            now = self.house.clock()
            found = overlap.since(save.find_asset("a"), row.id, now)
            return None if found is None else found - int(now)

    def refused(self, name, *arguments):
        with pytest.raises(FieldError) as caught:
            self.stage(*arguments) if name == "stage" else self.act(name, *arguments)
        return f"{caught.value.field} {caught.value}"

    def revision(self):
        return self.house.rows("SELECT max(number) AS number FROM revision")[0]["number"]

    def told(self):
        return [json.loads(row["detail"]) for row in self.house.log("asset.revised")]


@pytest.fixture
def bench(house):
    return Bench(house)


@pytest.fixture
def sqlite_bench(sqlite_house):
    return Bench(sqlite_house)


def test_staged_switched_and_stepped_back_the_right_one_signs_and_each_is_a_revision(bench):
    clock = bench.house.clock
    assert bench.stage(kid="k2") == ["next_secret"]
    assert bench.signs() == SECRET
    bench.act("switch", int(clock()) + DAY)
    clock.advance(DAY - 1)
    assert bench.signs() == SECRET
    clock.advance(1)
    assert bench.signs() == OTHER
    clock.advance(7 * DAY - 1)
    bench.act("step_back")
    assert bench.signs() == SECRET
    bench.act("switch", None)
    assert bench.signs() == OTHER

    assert bench.revision() == 5
    assert [each["next_secret"] for each in bench.told()] == ["staged", "switched", "stepped_back", "switched"]
    assert all(each["fields"] == ["next_secret"] for each in bench.told())
    assert bench.told()[1]["signs_from_at"] == "2027-01-16T08:00:00.000Z" and bench.told()[0]["weak_secret"] is False
    assert OTHER not in json.dumps(bench.house.log(), default=str)


def test_a_moment_may_be_moved_and_taken_away_before_it_comes(sqlite_bench):
    bench, clock = sqlite_bench, sqlite_bench.house.clock
    bench.stage()
    bench.act("switch", int(clock()) + 100)
    bench.act("switch", int(clock()) + 200)
    clock.advance(150)
    assert bench.signs() == SECRET
    bench.act("wait")
    clock.advance(1_000)
    assert bench.signs() == SECRET
    bench.act("drop")
    assert "no secret is staged" in bench.refused("switch", None)
    assert bench.revision() == 6


def test_what_cannot_be_is_refused_and_makes_no_revision(sqlite_bench):
    bench, clock = sqlite_bench, sqlite_bench.house.clock
    for name in ("switch", "wait", "drop"):
        assert "no secret is staged" in bench.refused(name, *([None] if name == "switch" else []))
    assert "nothing was switched" in bench.refused("step_back")
    assert bench.refused("stage", SECRET) == "secret is the present one, which signs already"
    bench.stage()
    assert "is past" in bench.refused("switch", int(clock()) - 1)
    assert "more than a year ahead" in bench.refused("switch", int(clock()) + 366 * DAY + 1)
    bench.act("switch", None)
    for name in ("switch", "wait", "drop"):  # It signs: nothing is staged any more.
        assert "no secret is staged" in bench.refused(name, *([None] if name == "switch" else []))
    clock.advance(7 * DAY)
    assert "in the last seven days" in bench.refused("step_back")
    assert bench.revision() == 3 and len(bench.house.rows("SELECT id FROM secret")) == 2


def test_an_asset_with_a_signing_key_stages_no_secret(sqlite_bench):
    bench = sqlite_bench
    make_key(bench.house, "site")
    bench.asset_id = make_asset(bench.house, "b", signing_key="site", algorithm="ES256")
    for name in ("stage", "step_back", "drop"):
        assert "this one has a signing key" in bench.refused(name)


def test_another_one_that_is_staged_takes_the_place_of_the_first(sqlite_bench):
    bench = sqlite_bench
    bench.stage()
    bench.act("switch", int(bench.house.clock()) + 100)
    bench.stage(THIRD)  # The moment was for the other one.
    bench.house.clock.advance(200)
    assert bench.signs() == SECRET
    bench.act("switch", None)
    assert bench.signs() == THIRD
    bench.act("step_back")
    assert bench.signs() == SECRET


def test_what_is_changed_at_once_leaves_what_is_staged_and_ends_stepping_back(sqlite_bench):
    bench = sqlite_bench
    bench.stage()
    bench.change(THIRD)
    assert bench.signs() == THIRD
    bench.act("switch", None)
    assert bench.signs() == OTHER
    bench.change(SECRET)
    assert bench.signs() == SECRET and "nothing was switched" in bench.refused("step_back")


def test_the_same_secret_may_follow_under_an_id_of_its_own(sqlite_bench):
    sqlite_bench.stage(SECRET, "k2")
    sqlite_bench.act("switch", None)
    assert sqlite_bench.signs() == SECRET
    assert "is the present one" in sqlite_bench.refused("stage", SECRET, "k2")


def test_what_is_edited_meanwhile_changes_nothing_of_it(sqlite_bench):
    bench, clock = sqlite_bench, sqlite_bench.house.clock
    bench.stage()
    change_asset(bench.house, "a", name="one")
    bench.act("switch", int(clock()) + 100)
    change_asset(bench.house, "a", name="two")
    assert bench.signs() == SECRET
    clock.advance(100)
    change_asset(bench.house, "a", name="three")
    assert bench.signs() == OTHER
    bench.act("step_back")
    assert bench.signs() == SECRET


def test_the_row_of_the_asset_repeats_the_secret_that_signs_in_the_end(bench):
    def row():
        return bench.house.rows("SELECT fingerprint, weak FROM asset")[0]

    first = row()["fingerprint"]
    bench.stage("dictated", weak=True)
    assert row()["fingerprint"] == first and not row()["weak"]
    bench.act("switch", int(bench.house.clock()) + 100)
    assert row()["fingerprint"] != first and row()["weak"]
    bench.act("wait")
    assert row()["fingerprint"] == first and not row()["weak"]


def test_since_when_a_secret_signs_or_waits_is_known(sqlite_bench):
    bench, clock = sqlite_bench, sqlite_bench.house.clock
    clock.advance(10)
    bench.stage()
    clock.advance(10)
    change_asset(bench.house, "a", name="one")
    assert (bench.since(SECRET), bench.since(OTHER)) == (-20, -10)
    bench.act("switch", int(clock()) + 5)
    clock.advance(10)
    change_asset(bench.house, "a", name="two")
    clock.advance(10)
    assert (bench.since(SECRET), bench.since(OTHER)) == (None, -15)
    bench.stage(THIRD)
    clock.advance(10)
    assert (bench.since(OTHER), bench.since(THIRD)) == (-25, -10)
    bench.act("drop")
    assert bench.since(THIRD) is None

    # After stepping back both are counted anew.
    bench.stage(THIRD)
    bench.act("switch", None)
    clock.advance(10)
    bench.act("step_back")
    clock.advance(10)
    assert (bench.since(OTHER), bench.since(THIRD)) == (-10, -10)


def test_what_would_break_the_contract_is_neither_staged_nor_switched_to(sqlite_bench):
    bench, house = sqlite_bench, sqlite_bench.house
    only = {"headers": {"kid": {"required": True, "one_of": ["k1", "k2"]}}}
    change_asset(house, "a", headers={"kid": "k1"}, contract={**only, "key": {"bytes": 40}})
    assert bench.refused("stage", OTHER, "k3").startswith("kid would break the contract: the header `kid` is none of")
    assert bench.refused("stage", "another-short-one-0123456789-012", "k2").startswith("secret has 32 bytes")
    bench.stage(kid="k2")
    # Who changes the contract is told of the secret that is staged, and later no more of the former one.
    narrow = {"headers": {"kid": {"constant": "k1"}}}
    with pytest.raises(FieldError, match="the header `kid` is not the fixed value") as caught:
        change_asset(house, "a", contract=narrow)
    assert caught.value.field == "kid"
    bench.act("switch", None)
    change_asset(house, "a", contract={"headers": {"kid": {"constant": "k2"}}})
    assert bench.refused("step_back").startswith("kid would break the contract")


def test_what_was_staged_before_another_version_asked_for_more_is_not_switched_to(sqlite_bench):
    bench = sqlite_bench
    bench.stage()
    rewrite(bench.house, contract={"key": {"bytes": 50}})
    assert bench.refused("switch", None) == "secret has 42 bytes; the relying party asks for 50"
    assert any("once what is staged signs its tokens would break" in line for line in check(bench.house)[2])


def test_the_staged_secret_is_sealed_and_tokens_carry_its_id_after_the_switch(bench):
    house = bench.house
    make_person(house, "ben")
    change_asset(house, "a", headers={"kid": "k1", "x": "y"})
    bench.stage(kid="k2")
    ben = house.signed_in("ben")
    assert header(ben) == {"typ": "JWT", "kid": "k1", "x": "y", "alg": "HS256"}
    bench.act("switch", None)
    assert header(ben) == {"typ": "JWT", "kid": "k2", "x": "y", "alg": "HS256"}
    bench.act("step_back")
    assert header(ben)["kid"] == "k1"
    assert [row["kid"] for row in house.log("token.issued")] == ["k1", "k2", "k1"]
    assert not any(OTHER.encode() in bytes(row["sealed"]) for row in house.rows("SELECT sealed FROM secret"))


def header(client):
    return read_unverified(client.get("/a").text).unverified_header
