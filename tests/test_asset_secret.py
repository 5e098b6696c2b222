"""The secret of an asset on screen: changed, never shown; asked for the password where the sign-in is a while ago."""

import base64
import json

import jwt
import pytest

from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.models import writing
from tests.conftest import PASSWORD, SECRET
from tests.filling import fields_of, sent, submit
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_pages import Page

OTHER = "another-secret-of-the-help-desk-9876543210"
LATER = 16 * 60


@pytest.fixture
def ada(sqlite_house):
    """An administrator's client with an asset `a`; `client.address` is its secret's page."""
    make_person(sqlite_house, "ada", is_admin=True)
    asset_id = make_asset(sqlite_house, "a", name="Help <desk>")
    client = sqlite_house.signed_in("ada")
    client.house, client.asset, client.address = sqlite_house, asset_id, f"/admin/assets/{asset_id}/secret"
    return client


def verifies(client, key):
    try:
        jwt.decode(client.get("/a").text, key, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.InvalidSignatureError:
        return False
    return True


def revisions_of(house):
    return house.rows("SELECT number, definition, secret_id FROM revision ORDER BY number")


def test_the_page_shows_fingerprint_strength_and_age_and_not_the_secret(ada):
    [secret] = ada.house.rows("SELECT * FROM secret")
    answer = ada.get(ada.address)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert secret["fingerprint"] in page.texts["code"]
    assert "Long enough for HS256" in page.text and page.all("time", datetime="2027-01-15T08:00:00Z")
    for form in (SECRET, base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex()):
        assert form not in answer.text
    change_asset(ada.house, "a", algorithm="HS256", name="b")
    made = {fields_of(ada.get(ada.address))["secret"][0] for _ in range(3)}
    assert len(made) == 3 and {len(each) for each in made} == {64}


def test_another_secret_signs_at_once_and_is_a_revision(ada):
    assert verifies(ada, SECRET)
    answer = submit(ada, ada.address, secret=OTHER)
    assert (answer.status_code, answer.location) == (303, f"/admin/assets/{ada.asset}")
    assert verifies(ada, OTHER) and not verifies(ada, SECRET)
    one, two = revisions_of(ada.house)
    assert one["definition"] == two["definition"] and one["secret_id"] != two["secret_id"]
    [row] = ada.house.log("asset.revised")
    assert json.loads(row["detail"])["fields"] == ["secret"] and OTHER not in row["detail"]
    assert ada.house.rows("SELECT examined_at FROM asset")[0]["examined_at"] == int(ada.house.clock())
    assert "Saved as revision 2." in ada.get("/").text
    assert OTHER not in ada.get(ada.address).text


def test_the_secret_that_stands_in_the_form_is_the_one_that_is_saved(ada):
    fields = fields_of(ada.get(ada.address))
    assert ada.post(ada.address, data=sent(fields)).status_code == 303
    assert verifies(ada, fields["secret"][0])


def test_the_present_secret_makes_no_revision(ada):
    assert submit(ada, ada.address, secret=SECRET).status_code == 303
    assert "Nothing was changed: this is the present secret." in ada.get("/").text
    assert len(revisions_of(ada.house)) == 1


def test_a_weak_secret_is_taken_where_it_is_marked_and_shown_as_such(ada):
    assert submit(ada, ada.address, secret="dictated").status_code == 422
    assert submit(ada, ada.address, secret="dictated", secret_weak="on").status_code == 303
    assert "Marked weak" in ada.get(ada.address).text
    assert ada.house.rows("SELECT weak FROM asset") == [{"weak": 1}]
    assert json.loads(ada.house.log("asset.revised")[0]["detail"])["weak_secret"] is True


def test_what_is_refused_is_kept_in_the_form(ada):
    refused = [({"secret": "short"}, "has 5 bytes"), ({"secret": ""}, "is empty"), ({"secret": f" {OTHER}"}, "white space"),
               ({"secret": OTHER, "secret_encoding": "base64"}, "is not base64"), ({"secret": OTHER, "secret_encoding": "x"}, "takes one of")]  # fmt: skip
    for typed, words in refused:
        answer = submit(ada, ada.address, **typed)
        assert answer.status_code == 422 and words in Page(answer.text).text, typed
        assert fields_of(answer)["secret"] == [typed["secret"]]
        assert Page(answer.text).one("div", id="problems")
    assert len(revisions_of(ada.house)) == 1


def test_a_secret_that_does_not_open_is_replaced(ada):
    with ada.house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("UPDATE secret SET sealed = x'00'")
    assert ada.get("/a").status_code == 500
    assert submit(ada, ada.address, secret=SECRET).status_code == 303
    assert verifies(ada, SECRET)


def test_who_comes_second_is_told_and_replaces_it_only_deliberately(ada):
    loaded = fields_of(ada.get(ada.address))
    assert submit(ada, ada.address, secret=OTHER).status_code == 303
    answer = ada.post(ada.address, data=sent(loaded))
    assert answer.status_code == 422 and "was changed meanwhile, by somebody else" in answer.text
    assert fields_of(answer)["secret"] == loaded["secret"] and verifies(ada, OTHER)
    assert ada.post(ada.address, data=sent(fields_of(answer))).status_code == 303
    assert verifies(ada, loaded["secret"][0])


def test_who_knows_nothing_of_a_staged_secret_and_its_moment_is_told_before_it_takes_their_place(ada):
    """Given: another tab stages a secret for nine o'clock, after this one was loaded."""
    loaded, emergency = fields_of(ada.get(ada.address)), "the-emergency-secret-of-the-help-desk-012345"
    with ada.house.app.app_context(), writing():
        asset, acting = save.lock_asset(ada.asset), {"sealer": ada.house.mint.settings.sealer, "by": ada.house.by()}
        overlap.stage(asset, read_secret(OTHER, "text", algorithm="HS256"), **acting)
        overlap.switch(asset, int(ada.house.clock()) + 3600, **acting)

    answer = ada.post(ada.address, data=sent({**loaded, "secret": [emergency]}))

    assert answer.status_code == 422 and "see what stands here now" in answer.text
    assert fields_of(answer)["secret"] == [emergency] and verifies(ada, SECRET)
    assert "The next secret" in Page(answer.text).text
    assert ada.post(ada.address, data=sent(fields_of(answer))).status_code == 303
    assert verifies(ada, emergency)


def test_words_that_were_saved_meanwhile_stay(ada):
    loaded = fields_of(ada.get(ada.address))
    change_asset(ada.house, "a", name="New name")
    assert ada.post(ada.address, data=sent(loaded)).status_code == 303
    assert json.loads(revisions_of(ada.house)[-1]["definition"])["name"] == "New name"


def test_a_while_after_the_sign_in_the_password_is_asked_for(ada):
    assert "own_password" not in fields_of(ada.get(ada.address))
    ada.house.clock.advance(LATER)
    assert "own_password" in fields_of(ada.get(ada.address))

    # Without it, and with a wrong one, nothing is saved and what was typed is kept.
    for password in ("", "wrong"):
        answer = submit(ada, ada.address, secret=OTHER, own_password=password)
        assert answer.status_code == 422 and "own_password-problem" in answer.text
        assert fields_of(answer)["secret"] == [OTHER] and fields_of(answer)["own_password"] == [""]
    assert len(revisions_of(ada.house)) == 1

    # With the right one it is, and the next time none is asked for.
    assert submit(ada, ada.address, secret=OTHER, own_password=PASSWORD).status_code == 303
    assert verifies(ada, OTHER)
    assert "own_password" not in fields_of(ada.get(ada.address))


def test_it_is_the_administrators_alone(ada):
    make_group(ada.house, "staff")
    asset_id = make_asset(ada.house, "edited", editors=["staff"])
    make_person(ada.house, "eve", groups=["staff"])
    eve, token = ada.house.signed_in("eve"), fields_of(ada.get(ada.address))["csrf_token"]
    for address in (ada.address, f"/admin/assets/{asset_id}/secret"):
        assert eve.get(address).status_code == 403
        assert eve.post(address, data={"csrf_token": token, "secret": OTHER}).status_code == 403
    assert ada.post(ada.address, data={"secret": OTHER}).status_code == 400
    assert ada.get("/admin/assets/nothing/secret").status_code == 404
    assert verifies(ada, SECRET)
