"""Making and editing an asset that signs with a key: one of its own, or one of the site's."""

import json

import pytest

from mintmark.keys import choosing
from mintmark.models import SigningKey, db, writing
from mintmark.unverified import read_unverified
from tests.conftest import PASSWORD, SECRET
from tests.filling import fields_of, submit
from tests.making import change_asset, make_asset, make_group, make_key, make_person
from tests.test_asset_form import definition_of, edit_of
from tests.test_pages import Page

pytestmark = pytest.mark.slow
NEW = "/admin/assets/new"
AUD = '{"sub": "{{ user.username }}", "aud": "here"}'


@pytest.fixture
def ada(sqlite_house):
    """An administrator's client; `client.house` is the site, with the keys site-2026 (ES256) and rsa (RS256)."""
    make_person(sqlite_house, "ada", is_admin=True)
    make_key(sqlite_house, "site-2026", number=1)
    make_key(sqlite_house, "rsa", "RS256", number=1)
    client = sqlite_house.signed_in("ada")
    client.house = sqlite_house
    return client


def header_of(client, path):
    answer = client.get(f"/{path}")
    assert answer.status_code == 200
    return read_unverified(answer.text).unverified_header


def said(answer):
    return " ".join(Page(answer.text).text.split())


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_key_of_its_own_is_made_with_the_asset(ada, algorithm):
    answer = submit(ada, NEW, path="a", name="A", algorithm=algorithm, key_id="its-own")
    assert (answer.status_code, answer.location) == (303, "/account/preview/a")
    assert header_of(ada, "a") == {"typ": "JWT", "kid": "its-own", "alg": algorithm}
    assert [row["event"] for row in ada.house.log()][-3:] == ["key.made", "asset.created", "token.issued"]
    assert ada.house.rows("SELECT COUNT(*) AS n FROM secret") == [{"n": 0}]
    detail = json.loads(ada.house.log("asset.created")[-1]["detail"])
    assert detail["signing_key"] == "its-own" and "weak_secret" not in detail


def test_without_an_id_the_key_is_known_by_its_thumbprint(ada):
    assert submit(ada, NEW, path="a", name="A", algorithm="ES384").status_code == 303
    [row] = ada.house.rows("SELECT key_id, thumbprint FROM signing_key WHERE algorithm = 'ES384'")
    assert row["key_id"] == row["thumbprint"] == header_of(ada, "a")["kid"]


@pytest.mark.parametrize("forgotten", ["HS256", "ES384", "none", "rsa"])
def test_a_key_of_the_site_brings_its_algorithm(ada, forgotten):
    answer = submit(ada, NEW, path="a", name="A", template=AUD, algorithm=forgotten, signing_key="rsa", secret="")
    assert answer.status_code == 303
    assert header_of(ada, "a") == {"typ": "JWT", "kid": "rsa", "alg": "RS256"}
    assert ada.house.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]


def test_what_the_algorithm_does_not_use_is_ignored(ada):
    # The secret where a key signs, however wrong; the key id where a secret does.
    assert submit(ada, NEW, path="a", name="A", algorithm="ES256", secret="x", secret_encoding="?").status_code == 303
    assert submit(ada, NEW, path="b", name="B", key_id="not good", secret=SECRET).status_code == 303
    assert header_of(ada, "b") == {"typ": "JWT", "alg": "HS256"}


REFUSED = [
    ({"algorithm": "ES256", "key_id": "site-2026"}, "key_id", "ids are never used again"),
    ({"algorithm": "ES256", "key_id": "two words"}, "key_id", "without spaces"),
    ({"algorithm": "ES256", "key_id": "a key"}, "key_id", "1 to 128"),
    ({"algorithm": "ES256", "key_id": "ключ"}, "key_id", "1 to 128"),
    ({"algorithm": "ES256", "headers": "kid: mine"}, "headers", "take it out of the headers"),
    ({"algorithm": "ES512"}, "algorithm", "is unknown"),
    ({"signing_key": "no-such"}, "signing_key", "is no signing key of this site"),
    ({"signing_key": "a\0b"}, "signing_key", "is no signing key of this site"),
    ({"signing_key": '"><b>'}, "signing_key", "is no signing key of this site"),
    ({"signing_key": "site-2026", "headers": "kid: mine"}, "headers", "take it out of the headers"),
    ({"algorithm": "ES256", "lifetime": "x", "key_id": "two words"}, "lifetime", "takes a whole number"),
]


def test_what_is_refused_is_said_at_its_field_nothing_is_made_and_nothing_lost(ada):
    for typed, field, words in REFUSED:
        answer = submit(ada, NEW, path="z", name="Z", **typed)
        page = Page(answer.text)
        assert answer.status_code == 422 and words in said(answer), typed
        assert len([found for _, found, _ in page.tags if found.get("id") == f"{field}-problem"]) == 1, typed
        again = fields_of(answer)
        assert again["path"] == ["z"] and again["key_id"] == [typed.get("key_id", "")]
        assert len(again["secret"][0]) == 64, "the fresh secret stays until something is saved"
    assert ada.house.rows("SELECT COUNT(*) AS n FROM asset") == [{"n": 0}]
    assert ada.house.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]


def test_an_asset_that_is_refused_in_the_end_leaves_no_key_behind(ada):
    make_asset(ada.house, "taken")
    answer = submit(ada, NEW, path="taken", name="A", algorithm="ES256", key_id="its-own")
    assert answer.status_code == 422 and "is taken by another asset" in answer.text
    assert ada.house.rows("SELECT key_id FROM signing_key WHERE key_id = 'its-own'") == []
    assert fields_of(answer)["algorithm"] == ["ES256"] and fields_of(answer)["key_id"] == ["its-own"]


def test_a_key_that_does_not_sign_now_is_not_offered_and_refused_in_words(ada):
    now = int(ada.house.clock())
    make_key(ada.house, "later", number=3, published_at=now, signs_from_at=now + 900)
    make_key(ada.house, "over", number=4, retired_at=now + 1, gone_at=now + 900)
    ada.house.clock.advance(2)
    offered = [found["value"] for found in Page(ada.get(NEW).text).all("option") if "value" in found]
    assert {"site-2026", "rsa"} <= set(offered) and not {"later", "over"} & set(offered)
    for key_id in ("later", "over"):
        answer = submit(ada, NEW, path="a", name="A", template=AUD, signing_key=key_id)
        assert answer.status_code == 422 and "Signing key does not sign" in said(answer)


def test_where_there_are_many_keys_one_is_entered_by_its_id(ada, monkeypatch):
    monkeypatch.setattr(choosing, "MAX_CHOICES", 1)
    page = Page(ada.get(NEW).text)
    assert page.one("input", name="signing_key") and not [each for each in page.all("select") if each["name"] == "signing_key"]  # fmt: skip
    assert submit(ada, NEW, path="a", name="A", template=AUD, signing_key=" rsa ").status_code == 303
    assert header_of(ada, "a")["kid"] == "rsa"


def test_a_key_asks_for_the_password_and_a_secret_does_not(ada):
    ada.house.clock.advance(16 * 60)
    assert "Your password" in said(ada.get(NEW))
    assert submit(ada, NEW, path="s", name="S").status_code == 303
    answer = submit(ada, NEW, path="a", name="A", algorithm="ES256", own_password="no")
    assert answer.status_code == 422 and "Your password is not right" in said(answer)
    assert ada.house.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]
    assert submit(ada, NEW, path="a", name="A", algorithm="ES256", own_password=PASSWORD).status_code == 303


def test_a_look_at_the_template_makes_no_key(ada):
    answer = submit(ada, NEW, path="a", name="A", algorithm="ES256", key_id="its-own", act="check")
    assert "Nothing was saved" in answer.text and fields_of(answer)["algorithm"] == ["ES256"]
    assert ada.house.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]


# Editing one -------------------------------------------------------------------------------


def test_the_algorithm_of_a_key_stands_and_leads_to_its_page(ada):
    asset_id = make_asset(ada.house, "a", AUD, signing_key="rsa")
    page = Page(ada.get(edit_of(ada.house, "a")).text)
    assert "RS256" in page.texts["code"] and f"/admin/assets/{asset_id}/secret" in [each["href"] for each in page.all("a")]  # fmt: skip
    assert not [each for each in page.all("select") if each["name"] in ("algorithm", "signing_key")]

    before = definition_of(ada.house, "a")
    posted_too = {"algorithm": "HS256", "signing_key": "site-2026", "key_id": "x", "secret": SECRET}
    assert submit(ada, edit_of(ada.house, "a"), name="Other", **posted_too).status_code == 303
    assert definition_of(ada.house, "a") == {**before, "name": "Other"}
    assert ada.house.rows("SELECT COUNT(*) AS n FROM secret") == [{"n": 0}]
    assert submit(ada, edit_of(ada.house, "a")).status_code == 303
    assert "Nothing was changed." in ada.get("/").text


def test_a_secret_takes_no_algorithm_of_a_key(ada):
    make_asset(ada.house, "a")
    answer = submit(ada, edit_of(ada.house, "a"), algorithm="RS256")
    assert answer.status_code == 422 and "is missing: RS256 takes a signing key" in answer.text
    assert definition_of(ada.house, "a")["algorithm"] == "HS256"


def test_the_key_id_is_not_set_in_the_headers(ada):
    make_asset(ada.house, "a", AUD, signing_key="rsa", headers={"cty": "x"})
    answer = submit(ada, edit_of(ada.house, "a"), headers="kid: other")
    assert answer.status_code == 422 and "Headers “kid” is the key id of the signing key" in said(answer)
    assert submit(ada, edit_of(ada.house, "a"), headers="cty: y").status_code == 303
    assert header_of(ada, "a") == {"typ": "JWT", "cty": "y", "kid": "rsa", "alg": "RS256"}


def test_an_asset_whose_key_was_revoked_can_still_be_edited_and_switched(ada):
    make_group(ada.house, "eds")
    make_person(ada.house, "eve", groups=["eds"])
    asset_id = make_asset(ada.house, "a", AUD, signing_key="rsa", editors=["eds"])
    with ada.house.app.app_context(), writing():
        for key in db.session.query(SigningKey).filter_by(key_id="rsa"):
            key.revoked_at, key.sealed, key.sealed_by = int(ada.house.clock()), None, None
    assert submit(ada, edit_of(ada.house, "a"), name="Other").status_code == 303
    eve = ada.house.signed_in("eve")
    assert submit(eve, edit_of(ada.house, "a"), name="Third").status_code == 303
    answer = ada.house.post_form(ada, f"/admin/assets/{asset_id}/switch", page=f"/admin/assets/{asset_id}")
    assert answer.status_code == 303
    assert ada.house.rows("SELECT name, live FROM asset") == [{"name": "Third", "live": 0}]


@pytest.mark.parametrize(
    ("before", "now"), [({}, {"signing_key": "site-2026"}), ({"signing_key": "site-2026"}, {"secret": SECRET})]
)
def test_who_comes_second_after_a_change_of_key_gets_a_form_that_fits(ada, before, now):
    # Given a form that was loaded before a secret became a key, or the other way round.
    asset_id = make_asset(ada.house, "a", AUD, **before)
    fields = fields_of(ada.get(edit_of(ada.house, "a")))
    if "secret" in now:
        with ada.house.app.app_context(), writing():
            from mintmark.assets import save
            from mintmark.assets.secrets import read_secret

            asset = save.lock_asset(asset_id)
            definition = {**save.current_revision(asset).definition, "signing_key": None, "algorithm": "HS256"}
            secret = read_secret(SECRET, "text", algorithm="HS256")
            save.revise(asset, definition, secret, sealer=ada.house.mint.settings.sealer, by=ada.house.by())
    else:
        with ada.house.app.app_context():
            ring_id = choosing.get_signing("site-2026", ada.house.clock()).ring_id
        change_asset(ada.house, "a", signing_key=ring_id, algorithm="ES256")

    # When it is sent, both texts are shown, and what is sent then is saved.
    answer = ada.post(edit_of(ada.house, "a"), data={**fields, "name": "Mine"})
    assert answer.status_code == 409
    again = fields_of(answer)
    assert ("algorithm" in again) == ("secret" in now)
    assert ada.post(edit_of(ada.house, "a"), data=again).status_code == 303
    assert definition_of(ada.house, "a")["name"] == "Mine"
