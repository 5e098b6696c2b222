"""Saving what signs: rows of old, another ring, a secret in place of a key, and how long keys stay published."""

import json

import pytest

from mintmark.assets import save
from mintmark.assets.credentials import Credentials
from mintmark.assets.secrets import read_secret
from mintmark.errors import FieldError
from mintmark.keys import rings
from mintmark.keys.life import CACHE_SECONDS, SKEW_SECONDS, WAIT_SECONDS
from mintmark.models import SigningKey, db, writing
from mintmark.unverified import read_unverified
from tests.conftest import SECRET
from tests.making import change_asset, make_asset, make_key, make_next_key, make_person

AUD = '{"sub": "{{ user.username }}", "aud": "here"}'
pytestmark = pytest.mark.slow


@pytest.fixture
def site(house):
    make_person(house, "ben")
    make_key(house, "site-2026", number=1)
    make_key(house, "other", number=2)
    return house


def ring_of(house, key_id):
    with house.app.app_context():
        return rings.find_key(key_id).ring_id


def kid_of(house, path="a"):
    answer = house.signed_in("ben").get(f"/{path}")
    assert answer.status_code == 200
    return read_unverified(answer.text).unverified_header.get("kid")


def row_of(house, number):
    return house.rows("SELECT * FROM revision WHERE number = :number", number=number)[0]


def gone_at(house, key_id):
    with house.app.app_context():
        return db.session.query(SigningKey).filter_by(key_id=key_id).one().gone_at


def with_secret(house, path="a"):
    with house.app.app_context(), writing():
        asset = save.find_asset(path)
        definition = {**save.current_revision(asset).definition, "signing_key": None, "algorithm": "HS256"}
        secret = read_secret(SECRET, "text", algorithm="HS256")
        return save.revise(asset, definition, secret, sealer=house.mint.settings.sealer, by=house.by())


def test_a_definition_from_before_there_were_keys_is_saved_on(site):
    make_asset(site, "a")
    with site.app.app_context(), writing():
        revision = save.current_revision(save.find_asset("a"))
        revision.definition = {name: value for name, value in revision.definition.items() if name != "signing_key"}
    assert "signing_key" not in json.dumps(site.rows("SELECT CAST(definition AS TEXT) AS d FROM revision"))

    change_asset(site, "a")
    assert site.rows("SELECT COUNT(*) AS n FROM revision") == [{"n": 1}], "nothing was changed"
    change_asset(site, "a", name="Other")
    assert json.loads(site.log("asset.revised")[-1]["detail"])["fields"] == ["name"]
    assert row_of(site, 2)["secret_id"] == row_of(site, 1)["secret_id"]
    change_asset(site, "a", signing_key=ring_of(site, "other"), algorithm="ES256", template=AUD)
    assert kid_of(site) == "other"


def test_a_key_in_place_of_a_secret_signs_at_once_and_keeps_no_secret(site):
    make_asset(site, "a", AUD)
    assert kid_of(site) is None
    change_asset(site, "a", signing_key=ring_of(site, "other"), algorithm="ES256")
    row = row_of(site, 2)
    assert kid_of(site) == "other"
    assert [row[name] for name in ("secret_id", "next_secret_id", "next_from_at", "former_ring_id")] == [None] * 4
    assert site.rows("SELECT fingerprint, audience FROM asset")[0]["fingerprint"] == ""
    assert json.loads(site.log("asset.revised")[-1]["detail"])["signing_key"] == "other"


def test_a_secret_in_place_of_a_key_signs_at_once(site):
    make_asset(site, "a", AUD, signing_key="site-2026")
    assert kid_of(site) == "site-2026"
    assert set(with_secret(site)) == {"signing_key", "algorithm", "secret"}
    assert kid_of(site) is None
    assert row_of(site, 2)["ring_id"] is None
    assert site.rows("SELECT ring_id FROM asset") == [{"ring_id": None}]


def test_without_a_secret_a_key_is_not_given_up(site):
    make_asset(site, "a", AUD, signing_key="site-2026")
    with pytest.raises(FieldError) as refused:
        change_asset(site, "a", signing_key=None, algorithm="HS256")
    assert refused.value.field == "secret"
    assert site.rows("SELECT COUNT(*) AS n FROM revision") == [{"n": 1}]


def test_another_ring_waits_only_where_tokens_were_issued(site):
    make_asset(site, "a", AUD, signing_key="site-2026")
    change_asset(site, "a", signing_key=ring_of(site, "other"))
    assert row_of(site, 2)["former_ring_id"] is None and kid_of(site) == "other"

    change_asset(site, "a", signing_key=ring_of(site, "site-2026"))
    row = row_of(site, 3)
    assert (row["former_ring_id"], row["former_until_at"]) == (ring_of(site, "other"), int(site.clock()) + WAIT_SECONDS)
    # A save meanwhile, and one back to the former ring, leave no gap.
    change_asset(site, "a", name="Other")
    assert row_of(site, 4)["former_until_at"] == row["former_until_at"] and kid_of(site) == "other"
    change_asset(site, "a", signing_key=ring_of(site, "other"))
    assert row_of(site, 5)["former_ring_id"] is None and kid_of(site) == "other"


def test_a_third_ring_follows_the_one_that_signs_and_not_the_one_that_was_to(site):
    make_key(site, "third", number=3)
    make_asset(site, "a", AUD, signing_key="site-2026")
    assert kid_of(site) == "site-2026"
    for key_id in ("other", "third"):
        change_asset(site, "a", signing_key=ring_of(site, key_id))
    assert kid_of(site) == "site-2026"
    site.clock.advance(WAIT_SECONDS)
    assert kid_of(site) == "third"


def test_a_longer_lifetime_keeps_a_key_published_that_retires_later(site):
    make_asset(site, "a", AUD, signing_key="site-2026", lifetime=600)
    make_next_key(site, "site-2026", "site-2027")
    retired_at = int(site.clock()) + WAIT_SECONDS
    assert gone_at(site, "site-2026") == retired_at + 600 + SKEW_SECONDS + CACHE_SECONDS
    change_asset(site, "a", lifetime=6_000)
    assert gone_at(site, "site-2026") == retired_at + 6_000 + SKEW_SECONDS + CACHE_SECONDS
    change_asset(site, "a", lifetime=60)
    assert gone_at(site, "site-2026") == retired_at + 6_000 + SKEW_SECONDS + CACHE_SECONDS, "tokens are about"
    change_asset(site, "a", lifetime=None)
    assert gone_at(site, "site-2026") is None


def test_a_longer_lifetime_counts_for_the_ring_that_is_left_too(site):
    make_asset(site, "a", AUD, signing_key="site-2026", lifetime=600)
    kid_of(site)
    make_next_key(site, "site-2026", "site-2027")
    retired_at = int(site.clock()) + WAIT_SECONDS
    site.clock.advance(60)
    change_asset(site, "a", signing_key=ring_of(site, "other"), lifetime=6_000)
    assert kid_of(site) == "site-2026"
    assert gone_at(site, "site-2026") == retired_at + 6_000 + SKEW_SECONDS + CACHE_SECONDS


def test_the_steps_of_credentials_from_one_to_the_next():
    one, two = Credentials(secret_id="s"), Credentials(ring_id="r")
    assert one.ring_ids(0) == [] and two.ring_ids(0) == ["r"]
    moved = two.with_ring("q", 100, has_signed=True)
    assert moved == Credentials(ring_id="q", former_ring_id="r", former_until_at=100 + WAIT_SECONDS)
    assert moved.ring_ids(100) == ["r", "q"] and moved.ring_ids(100 + WAIT_SECONDS) == ["q"]
    assert moved.with_ring("r", 200, has_signed=True) == Credentials(ring_id="r")
    assert moved.with_ring("p", 9_999, has_signed=True).former_ring_id == "q"
    assert one.with_ring("r", 100, has_signed=True) == Credentials(ring_id="r")
    staged = one.with_next("n", 0)
    assert staged.following() == ("n", None) and one.following() == (None, None)
    assert staged.from_moment(5).with_secret("x", 5) == Credentials(secret_id="x")
    assert staged.from_moment(5).with_secret("x", 4) == Credentials("x", "n", 5)
    assert staged.with_ring("r", 0, has_signed=True) == Credentials(ring_id="r")
    assert moved.with_secret("x", 100) == Credentials(secret_id="x")
