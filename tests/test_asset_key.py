"""An asset and its signing key on screen: from a secret to a key, from key to key, and back to a secret."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark.keys import changing, choosing, rings
from mintmark.keys.life import WAIT_SECONDS
from mintmark.models import writing
from mintmark.unverified import read_unverified
from tests.conftest import PASSWORD
from tests.filling import fields_of, sent, submit
from tests.making import make_asset, make_key, make_next_key, make_person
from tests.test_asset_next_secret import forms_of, press, text_of
from tests.test_pages import HOSTILE, Page

pytestmark = pytest.mark.slow
OTHER = "another-secret-of-the-help-desk-9876543210"
LATER = 16 * 60


@pytest.fixture
def ada(house):
    return administrator(house)


@pytest.fixture
def sqlite_ada(sqlite_house):
    return administrator(sqlite_house)


def administrator(house):
    """Return an administrator's client, on a site with two signing keys; `asked` makes an asset."""
    make_person(house, "ada", is_admin=True)
    make_key(house, "first", number=1)
    make_key(house, "second", number=2)
    client = house.signed_in("ada")
    client.house = house
    return client


def with_secret(client, **fields):
    client.asset = make_asset(client.house, "a", **fields)
    client.address = f"/admin/assets/{client.asset}/secret"
    return client


def with_key(client, key_id="first", algorithm="ES256", **fields):
    return with_secret(client, signing_key=key_id, algorithm=algorithm, **fields)


def header_of(client):
    return read_unverified(client.get("/a").text).unverified_header


def kid_of(client):
    return header_of(client).get("kid")


def definition_of(client):
    [row] = client.house.rows("SELECT definition FROM revision WHERE number = (SELECT max(number) FROM revision)")
    return json.loads(row["definition"]) if isinstance(row["definition"], str) else row["definition"]


def amount(client, table):
    return client.house.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]  # noqa: S608 — names of this test


def test_from_a_secret_to_a_key_of_the_site(ada):
    with_secret(ada, headers={"kid": "k1", "x": "y"})
    assert header_of(ada) == {"typ": "JWT", "kid": "k1", "x": "y", "alg": "HS256"}
    page = text_of(ada.get(ada.address))
    assert "The relying party has to be changed by hand" in page and "kid, now k1, becomes the key id" in page

    answer = press(ada, "key", signing_key="second")

    assert (answer.status_code, answer.location) == (303, ada.address)
    assert header_of(ada) == {"typ": "JWT", "kid": "second", "x": "y", "alg": "ES256"}
    page = text_of(ada.get(ada.address))
    assert "Tokens are signed with second now. The header “kid” was k1; it is the key id now." in page
    tabs = Page(ada.get(ada.address).text)
    assert tabs.all("a", href=ada.address, **{"aria-current": "page"}) and "Key" in tabs.texts["a"]
    detail = json.loads(ada.house.log("asset.revised")[0]["detail"])
    assert set(detail["fields"]) == {"algorithm", "headers", "signing_key"} and detail["signing_key"] == "second"
    assert ada.house.rows("SELECT examined_at FROM asset")[0]["examined_at"] == int(ada.house.clock())


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES384", "EdDSA"])
def test_from_a_secret_to_a_key_of_its_own(sqlite_ada, algorithm):
    ada = with_secret(sqlite_ada)
    assert press(ada, "key", key_algorithm=algorithm, key_bits="2048", key_id="own-1").status_code == 303
    assert header_of(ada) == {"typ": "JWT", "kid": "own-1", "alg": algorithm}
    assert [row["event"] for row in ada.house.log()][-3:] == ["key.made", "asset.revised", "token.issued"]
    [row] = ada.house.rows("SELECT * FROM signing_key WHERE key_id = 'own-1'")
    assert bytes(row["sealed"]) and not row["is_brought"]


def test_without_a_key_id_it_is_the_thumbprint(sqlite_ada):
    ada = with_secret(sqlite_ada)
    press(ada, "key", key_algorithm="EdDSA")
    [row] = ada.house.rows("SELECT key_id, thumbprint FROM signing_key WHERE algorithm = 'EdDSA'")
    assert row["key_id"] == row["thumbprint"] == kid_of(ada)


def test_from_key_to_key_the_former_one_signs_until_every_verifier_knows_the_other(ada):
    with_key(ada)
    assert kid_of(ada) == "first"
    assert "six more minutes" in text_of(ada.get(ada.address))
    press(ada, "key", signing_key="second")

    page = text_of(ada.get(ada.address))
    assert "Tokens are signed with second from 2027-01-15 08:06:00 UTC on." in page
    assert "Until2027-01-15 08:06:00 UTC" in page and "second from 2027-01-15 08:06:00 UTC on" in page
    assert kid_of(ada) == "first"
    ada.house.clock.advance(WAIT_SECONDS)
    assert kid_of(ada) == "second" and "changes over" not in text_of(ada.get(ada.address))


def test_where_nothing_was_issued_the_other_key_signs_at_once(sqlite_ada):
    ada = with_key(sqlite_ada)
    press(ada, "key", signing_key="second")
    assert "Tokens are signed with second now." in text_of(ada.get(ada.address)) and kid_of(ada) == "second"


def test_back_to_a_secret(ada):
    with_key(ada)
    assert kid_of(ada) == "first"
    fields = fields_of(ada.get(ada.address))
    assert "present" not in fields and fields["algorithm"] == ["HS256"]

    answer = submit(ada, ada.address, secret=OTHER * 2, algorithm="HS384", kid="k3")

    assert (answer.status_code, answer.location) == (303, f"/admin/assets/{ada.asset}")
    assert header_of(ada) == {"typ": "JWT", "kid": "k3", "alg": "HS384"}
    assert jwt.decode(ada.get("/a").text, OctKey.import_key(OTHER * 2), algorithms=["HS384"]).claims["sub"] == "ada"
    assert definition_of(ada)["signing_key"] is None and OTHER not in ada.get(ada.address).text
    assert Page(ada.get(ada.address).text).one("h2", id="present")


def test_what_is_refused_of_a_secret_in_place_of_a_key_is_kept_in_the_form(sqlite_ada):
    ada = with_key(sqlite_ada)
    refused = [({"secret": "short"}, "has 5 bytes"), ({"algorithm": "RS256"}, "takes one of HS256"), ({"secret": ""}, "is empty"),
               ({"algorithm": "HS512"}, "HS512 takes at least 64"), ({"algorithm": "none"}, "takes one of HS256")]  # fmt: skip
    for typed, words in refused:
        answer = submit(ada, ada.address, **{"secret": OTHER, **typed})
        assert answer.status_code == 422 and words in text_of(answer), typed
        assert fields_of(answer)["secret"] == [typed.get("secret", OTHER)] and Page(answer.text).one(
            "div", id="problems"
        )
    assert amount(ada, "revision") == 1 and kid_of(ada) == "first"


def test_what_is_refused_of_a_key_is_said_at_its_field_and_no_key_is_left_behind(sqlite_ada):
    ada = with_secret(sqlite_ada)
    long, pem = "k" * 129, "-----BEGIN PRIVATE KEY-----CANARY-----END PRIVATE KEY-----"
    refused = [
        ({"signing_key": "nothing"}, "Signing key “nothing” is no signing key of this site"),
        ({"signing_key": "a\x00"}, "is no signing key"), ({"key_algorithm": "HS256"}, "takes one of RS256"),
        ({"key_algorithm": "none"}, "takes one of RS256"), ({"key_bits": "1024"}, "takes one of 2048"),
        ({"key_bits": "x"}, "takes one of 2048"), ({"key_id": "a b"}, "without spaces"), ({"key_id": "ключ"}, "without spaces"),
        ({"key_id": long}, "1 to 128"), ({"key_id": pem}, "1 to 128"), ({"signing_key": pem}, "is no signing key of this site"),
        ({"key_algorithm": "EdDSA", "key_id": "first"}, "ids are never used again"),
    ]  # fmt: skip
    for typed, words in refused:
        answer = press(ada, "key", **typed)
        assert answer.status_code == 422 and words in text_of(answer), typed
        name = [*typed][-1]
        assert Page(answer.text).one("p", id=f"{name}-problem"), typed
        if name == "key_id":
            kept = typed["key_id"] if typed["key_id"] not in (long, pem) else ""
            assert forms_of(answer)["key"][1]["key_id"] == [kept]
        assert "CANARY" not in answer.text
    assert amount(ada, "signing_key") == 2 and amount(ada, "key_ring") == 2 and amount(ada, "revision") == 1


def test_a_key_that_may_not_be_shared_is_refused_at_its_field(sqlite_ada):
    ada = with_secret(sqlite_ada)
    make_asset(ada.house, "b", '{"sub": "x", "aud": "b"}', signing_key="first", algorithm="ES256")
    answer = press(ada, "key", signing_key="first")
    assert answer.status_code == 422
    assert "Signing key serves b too, and this template has no fixed “aud”" in text_of(answer)
    assert Page(answer.text).one("p", id="signing_key-problem") and forms_of(answer)["key"][1]["signing_key"] == [
        "first"
    ]
    assert kid_of(ada) is None and amount(ada, "revision") == 2


def test_a_key_that_signs_nothing_now_is_no_choice(sqlite_ada):
    ada = with_secret(sqlite_ada)
    make_key(ada.house, "later", signs_from_at=int(ada.house.clock()) + 1_000)
    make_key(ada.house, "revoked")
    with ada.house.app.app_context(), writing():
        sealer = ada.house.mint.settings.sealer
        changing.revoke(rings.find_key("revoked"), None, None, sealer=sealer, by=ada.house.by())
    make_next_key(ada.house, "second", "third")
    ada.house.clock.advance(1)
    page = Page(ada.get(ada.address).text)
    choices = [
        found["value"]
        for found in page.all("option")
        if found["value"] in ("", "first", "later", "revoked", "second", "third")
    ]
    assert choices == ["", "first", "third"]  # Nothing was signed with the second one, so that the third signs already.
    assert "does not sign until 2027-01-15T08:16:40.000Z" in text_of(press(ada, "key", signing_key="later"))
    assert "does not sign any more" in text_of(press(ada, "key", signing_key="revoked"))
    # An older id names its ring still.
    assert press(ada, "key", signing_key="second").status_code == 303 and kid_of(ada) == "third"


def test_more_keys_than_can_be_listed_are_entered_by_their_id(sqlite_ada, monkeypatch):
    monkeypatch.setattr(choosing, "MAX_CHOICES", 1)
    ada = with_secret(sqlite_ada)
    assert Page(ada.get(ada.address).text).one("input", name="signing_key")["value"] == ""
    assert press(ada, "key", signing_key=" second ").status_code == 303 and kid_of(ada) == "second"


def test_the_key_that_it_has_already_changes_nothing(sqlite_ada):
    ada = with_key(sqlite_ada)
    assert press(ada, "key", signing_key="first").status_code == 303
    assert "Nothing was changed." in ada.get(ada.address).text and amount(ada, "revision") == 1


def test_the_page_of_a_key_says_what_follows_and_leads_to_its_own(sqlite_ada):
    ada = with_key(sqlite_ada)
    [first] = ada.house.rows("SELECT id FROM signing_key WHERE key_id = 'first'")
    assert kid_of(ada) == "first"
    page = Page(ada.get(ada.address).text)
    assert page.all("a", href=f"/admin/keys/{first['id']}") and "Nothing yet." in page.text
    assert not page.all("a", href="/account/preview/a?with=next")
    make_next_key(ada.house, "first", "third")
    page = Page(ada.get(ada.address).text)
    assert page.one("a", href="/account/preview/a?with=next")
    assert "third from 2027-01-15 08:06:00 UTC on" in text_of(ada.get(ada.address))


def test_where_no_key_signs_it_is_said_with_what_to_do(sqlite_ada):
    ada = with_key(sqlite_ada)
    with ada.house.app.app_context(), writing():
        sealer = ada.house.mint.settings.sealer
        changing.revoke(rings.find_key("first"), None, None, sealer=sealer, by=ada.house.by())
    answer = ada.get(ada.address)
    assert answer.status_code == 200 and "No key signs at this moment" in text_of(answer)
    assert ada.get("/a").status_code == 500
    assert press(ada, "key", signing_key="second").status_code == 303 and kid_of(ada) == "second"


def test_who_acts_on_a_page_that_is_no_longer_true_is_told(sqlite_ada):
    ada = with_secret(sqlite_ada)
    key, secret = forms_of(ada.get(ada.address))["key"][1], fields_of(ada.get(ada.address))
    press(ada, "key", signing_key="first")
    for act, fields in (("/key", {**key, "signing_key": ["second"]}), ("", secret), ("/stage", secret)):
        answer = ada.post(ada.address + act, data=sent(fields))
        assert answer.status_code == 422, act
        assert "What signs was changed meanwhile" in text_of(answer), act
    assert kid_of(ada) == "first" and amount(ada, "revision") == 2


def test_secrets_are_not_staged_on_an_asset_with_a_key(sqlite_ada):
    ada = with_key(sqlite_ada)
    fields = fields_of(ada.get(ada.address))
    for act in ("stage", "switch", "wait", "drop", "step-back"):
        answer = ada.post(f"{ada.address}/{act}", data=sent({**fields, "secret": [OTHER], "when": ["now"]}))
        assert answer.status_code == 422 and "this one has a signing key" in text_of(answer), act
    assert amount(ada, "secret") == 0


def test_a_while_after_the_sign_in_the_password_is_asked_for_and_no_key_is_made_without(sqlite_ada, monkeypatch):
    ada = with_secret(sqlite_ada)
    ada.house.clock.advance(LATER)
    made = []
    monkeypatch.setattr("mintmark.keypairs.generate", lambda *given, **more: made.append(given))
    for password in ("", "wrong"):
        answer = press(ada, "key", key_algorithm="ES384", key_id="mine", own_password=password)
        assert answer.status_code == 422 and forms_of(answer)["key"][1]["key_id"] == ["mine"]
        assert Page(answer.text).one("input", id="own_password")
    assert made == []
    monkeypatch.undo()
    assert press(ada, "key", key_algorithm="ES384", key_id="mine", own_password=PASSWORD).status_code == 303
    assert kid_of(ada) == "mine"


def test_key_ids_are_text_whatever_they_hold(sqlite_ada):
    ada = with_key(sqlite_ada)
    plain = Page(ada.get(ada.address).text).skeleton()
    for hostile in [text for text in HOSTILE if text.isascii() and " " not in text and len(text) < 129]:
        press(ada, "key", key_algorithm="EdDSA", key_id=hostile)
        page = Page(ada.get(ada.address).text)
        assert hostile in page.text
        assert [tag for tag, *_ in page.skeleton() if tag == "script"] == [tag for tag, *_ in plain if tag == "script"]
