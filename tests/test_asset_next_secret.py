"""The next secret on screen: staged, tried, switched to and stepped back from; never shown once it is saved."""

import base64
import json

import pytest

from mintmark.models import writing
from mintmark.unverified import read_unverified
from tests.conftest import PASSWORD, SECRET
from tests.filling import _Forms, fields_of, sent, submit
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_pages import HOSTILE, Page

pytestmark = pytest.mark.slow
OTHER = "another-secret-of-the-help-desk-9876543210"
THIRD = "a-third-secret-of-the-help-desk-1111111111111"
LATER = 16 * 60
ACTS = ("stage", "switch", "wait", "step-back", "drop", "key")


@pytest.fixture
def ada(house):
    return administrator(house)


@pytest.fixture
def sqlite_ada(sqlite_house):
    return administrator(sqlite_house)


def administrator(house):
    """Return an administrator's client with an asset `a`; `client.address` is its secret's page."""
    make_person(house, "ada", is_admin=True)
    client = house.signed_in("ada")
    client.house, client.asset = house, make_asset(house, "a", name="Help <desk>", headers={"kid": "k1"})
    client.address = f"/admin/assets/{client.asset}/secret"
    return client


def forms_of(answer):
    """Return the last part of the address → the fields of each form of the page."""
    parser = _Forms()
    parser.feed(answer.text)
    return {found["action"].rpartition("/")[2]: (found, fields) for found, fields in parser.forms if "action" in found}


def press(client, act, which=0, **changed):
    """Load the page, fill the form of an act and send it. `which`: of several forms with one address."""
    parser, answer = _Forms(), client.get(client.address)
    parser.feed(answer.text)
    action = f"{client.address}/{act}"
    fields = [fields for found, fields in parser.forms if found.get("action") == action][which]
    return client.post(action, data=sent({**fields, **{name: [value] for name, value in changed.items()}}))


def stage(client, **changed):
    """Fill the form of a secret and press the button that stages it."""
    fields = fields_of(client.get(client.address))
    fields |= {name: [value] for name, value in ({"secret": OTHER} | changed).items()}
    return client.post(f"{client.address}/stage", data=sent(fields))


def kid_of(client):
    return read_unverified(client.get("/a").text).unverified_header.get("kid")


def revisions(client):
    return client.house.rows("SELECT count(*) AS n FROM revision")[0]["n"]


def text_of(answer):
    return " ".join(Page(answer.text).text.split())


def test_the_whole_way_from_staging_to_stepping_back(ada):
    clock = ada.house.clock
    answer = stage(ada, kid="k2")
    assert (answer.status_code, answer.location) == (303, ada.address)
    page = ada.get(ada.address)
    shown = text_of(page)
    assert "Saved as revision 2. The next secret is staged; the present one goes on signing." in shown
    assert "Not before somebody switches to it" in shown and "k2" in shown
    assert Page(page.text).one("a", href="/account/preview/a?with=next")
    assert kid_of(ada) == "k1"

    # A moment is set, and comes by itself.
    assert press(ada, "switch", 1, switch_at="2027-01-15T09:00").status_code == 303
    assert "From 2027-01-15 09:00:00 UTC on" in text_of(ada.get(ada.address))
    clock.advance(3_599)
    assert kid_of(ada) == "k1"
    clock.advance(1)
    assert kid_of(ada) == "k2"
    shown = text_of(ada.get(ada.address))
    assert "The former secret" in shown and "until 2027-01-22 09:00:00 UTC" in shown
    assert "Signs since2027-01-15 09:00:00 UTC" in shown
    assert not Page(ada.get(ada.address).text).all("h2", id="next")

    # Stepping back, and switching at once.
    assert press(ada, "step-back", own_password=PASSWORD).status_code == 303
    assert kid_of(ada) == "k1" and "step-back" not in forms_of(ada.get(ada.address))
    assert press(ada, "switch", 0).status_code == 303
    assert kid_of(ada) == "k2" and "The staged secret signs now." in ada.get(ada.address).text
    assert revisions(ada) == 5
    assert [json.loads(row["detail"])["next_secret"] for row in ada.house.log("asset.revised")] == [
        "staged", "switched", "stepped_back", "switched"]  # fmt: skip


def test_the_moment_and_what_is_staged_can_be_taken_away(sqlite_ada):
    ada = sqlite_ada
    stage(ada)
    assert "wait" not in forms_of(ada.get(ada.address))
    press(ada, "switch", 1, switch_at="2027-01-16 08:00:30 UTC")
    assert fields_with(ada, "switch_at") == "2027-01-16T08:00:30"
    assert press(ada, "wait").status_code == 303
    assert "the staged secret waits" in ada.get(ada.address).text and fields_with(ada, "switch_at") == ""
    assert press(ada, "drop").status_code == 303
    assert "The staged secret is taken away." in ada.get(ada.address).text
    assert {"switch", "drop", "wait", "step-back"} & forms_of(ada.get(ada.address)).keys() == set()
    assert kid_of(ada) == "k1" and revisions(ada) == 5


def fields_with(client, name):
    parser = _Forms()
    parser.feed(client.get(client.address).text)
    [found] = [fields[name] for _, fields in parser.forms if name in fields]
    return found[0]


@pytest.mark.parametrize(
    "typed",
    ["", "tomorrow", "2027-01-16", "2027-13-16T08:00", "2027-02-30T08:00", "2027-01-16T24:61", "16.01.2027 08:00",
     "2027-01-16T08:00+01:00", "٢٠٢٧-01-16T08:00", "2027-01-15T07:59:59", "2028-01-17T08:00", "9999-12-31T23:59",
     "1800000000", "2027-01-16T08:00\x00", *HOSTILE[:3]],
)  # fmt: skip
def test_a_moment_is_read_strictly_and_what_was_typed_is_kept(sqlite_ada, typed):
    ada = sqlite_ada
    stage(ada)
    answer = press(ada, "switch", 1, switch_at=typed)
    assert answer.status_code == 422
    page = Page(answer.text)
    assert page.one("input", name="switch_at")["value"] == typed and page.one("p", id="switch_at-problem")
    assert page.one("input", name="switch_at")["aria-invalid"] == "true" and page.one("div", id="problems")
    assert revisions(ada) == 2


def test_what_is_refused_of_a_secret_is_kept_in_the_form_and_nothing_is_staged(sqlite_ada):
    ada = sqlite_ada
    refused = [
        ({"secret": "short"}, "has 5 bytes"), ({"secret": ""}, "is empty"), ({"secret": f" {OTHER}"}, "white space"),
        ({"secret_encoding": "base64"}, "is not base64"), ({"secret_encoding": "x"}, "takes one of"),
        ({"secret": SECRET, "kid": ""}, "is the present one"), ({"kid": "k" * 256}, "has 256 characters"),
        ({"kid": "k" * 255, "secret": "short"}, "has 5 bytes"),
        ({"kid": "a\x00b"}, "that is no text"), ({"secret": "-----BEGIN PUBLIC KEY-----" * 3}, "looks like a key file"),
    ]  # fmt: skip
    for typed, words in refused:
        answer = stage(ada, **typed)
        assert answer.status_code == 422 and words in text_of(answer), typed
        fields = fields_of(answer)
        kid = typed.get("kid", "")
        assert fields["secret"] == [typed.get("secret", OTHER)] and fields["kid"] == [kid if len(kid) < 256 else ""]
        assert Page(answer.text).one("div", id="problems")
    assert revisions(ada) == 1 and len(ada.house.rows("SELECT id FROM secret")) == 1


def test_a_weak_one_is_staged_where_it_is_marked_and_shown_as_such(sqlite_ada):
    ada = sqlite_ada
    assert stage(ada, secret="dictated", secret_weak="on").status_code == 303
    assert "Marked weak" in ada.get(ada.address).text
    assert json.loads(ada.house.log("asset.revised")[0]["detail"])["weak_secret"] is True


def test_what_was_saved_is_in_no_answer_afterwards(sqlite_ada):
    ada = sqlite_ada
    fields = fields_of(ada.get(ada.address))
    assert ada.post(f"{ada.address}/stage", data=sent(fields)).status_code == 303
    [secret] = fields["secret"]
    forms = (secret, base64.b64encode(secret.encode()).decode(), secret.encode().hex())
    addresses = [ada.address, f"/admin/assets/{ada.asset}", f"/admin/assets/{ada.asset}/revisions", "/admin/log",
                 f"/admin/assets/{ada.asset}/revisions/2", "/account/preview/a?with=next"]  # fmt: skip
    answers = [ada.get(address).text for address in addresses]
    answers += [press(ada, "switch", 1, switch_at="x").text, press(ada, "switch").text, ada.get(ada.address).text]
    assert not [answer for answer in answers for form in forms if form in answer]
    assert not [row for row in ada.house.log() for form in forms if form in json.dumps(row, default=str)]


def test_who_acts_on_a_page_that_is_no_longer_true_is_told_and_nothing_is_done(sqlite_ada):
    ada = sqlite_ada
    stage(ada)
    loaded = forms_of(ada.get(ada.address))
    stage(ada, secret=THIRD)
    for act in ("switch", "drop"):
        answer = ada.post(f"{ada.address}/{act}", data=sent({**loaded[act][1], "when": ["now"]}))
        assert answer.status_code == 422 and "What signs was changed meanwhile" in text_of(answer), act
    assert revisions(ada) == 3 and kid_of(ada) == "k1"

    # The page that says so is true: its own button does it.
    fields = forms_of(answer)["drop"][1]
    assert ada.post(f"{ada.address}/drop", data=sent(fields)).status_code == 303

    # Its moment may come meanwhile too.
    stage(ada)
    press(ada, "switch", 1, switch_at="2027-01-15T08:01")
    loaded = forms_of(ada.get(ada.address))
    ada.house.clock.advance(60)
    for act in ("wait", "drop"):
        assert ada.post(f"{ada.address}/{act}", data=sent(loaded[act][1])).status_code == 422
    assert ada.get("/a").status_code == 200


def test_what_is_not_there_cannot_be_acted_on_whatever_is_posted(sqlite_ada):
    ada = sqlite_ada
    fields = fields_of(ada.get(ada.address))
    for act in ("switch", "wait", "drop", "step-back"):
        answer = ada.post(f"{ada.address}/{act}", data=sent({**fields, "when": ["now"]}))
        assert answer.status_code == 422 and "Next secret" in text_of(answer), act
    answer = ada.post(f"{ada.address}/switch", data=sent({**fields, "switch_at": ["2027-01-16T08:00"]}))
    assert answer.status_code == 422 and "Next secret is not there: no secret is staged." in text_of(answer)
    assert revisions(ada) == 1


def test_an_edit_of_the_template_meanwhile_does_not_stand_in_the_way(sqlite_ada):
    ada = sqlite_ada
    stage(ada)
    loaded = forms_of(ada.get(ada.address))
    change_asset(ada.house, "a", name="New name")
    assert ada.post(f"{ada.address}/drop", data=sent(loaded["drop"][1])).status_code == 303


def test_a_while_after_the_sign_in_each_act_asks_for_the_password(sqlite_ada):
    ada = sqlite_ada
    stage(ada, kid="k2")
    press(ada, "switch", 1, switch_at="2027-01-20T08:00")
    ada.house.clock.advance(LATER)
    page = ada.get(ada.address)
    ids = [found["id"] for found in Page(page.text).all("input", name="own_password")]
    assert len(ids) == len(set(ids)) == 6

    for act, which, more in (("switch", 0, {}), ("switch", 1, {}), ("wait", 0, {}), ("drop", 0, {}), ("key", 0, {})):
        answer = press(ada, act, which, **more)
        assert answer.status_code == 422 and "Your password is needed" in text_of(answer), act
        assert Page(answer.text).one("input", id="own_password") and Page(answer.text).one("div", id="problems")
    answer = stage(ada, secret=THIRD)
    assert answer.status_code == 422 and fields_of(answer)["secret"] == [THIRD]
    assert revisions(ada) == 3
    assert press(ada, "switch", 0, own_password=PASSWORD).status_code == 303
    assert kid_of(ada) == "k2"


def test_it_is_the_administrators_alone_and_takes_the_forms_own_token(sqlite_ada):
    ada = sqlite_ada
    make_group(ada.house, "staff")
    asset_id = make_asset(ada.house, "edited", editors=["staff"])
    make_person(ada.house, "eve", groups=["staff"])
    make_person(ada.house, "ben")
    stage(ada)
    fields = {**fields_of(ada.get(ada.address)), "when": ["now"], "own_password": [PASSWORD]}
    for name in ("eve", "ben"):
        client = ada.house.signed_in(name)
        client.get("/")
        with client.session_transaction() as cookie:
            token = cookie["csrf_token"]
        for act in ACTS:
            for address in (ada.address, f"/admin/assets/{asset_id}/secret"):
                answer = client.post(f"{address}/{act}", data=sent({**fields, "csrf_token": [token]}))
                assert answer.status_code == 403, (name, act)
    for act in ACTS:
        assert ada.post(f"{ada.address}/{act}", data=sent({**fields, "csrf_token": ["wrong"]})).status_code == 400
        answer = ada.post(f"/admin/assets/nothing/secret/{act}", data=sent(fields))
        assert answer.status_code == 404, act
        assert ada.get(f"{ada.address}/{act}").status_code in (404, 405)
    assert revisions(ada) == 3 and kid_of(ada) == "k1"


def test_the_key_id_of_a_secret_is_text_whatever_it_holds(sqlite_ada):
    ada = sqlite_ada
    plain = None
    for text in ("plain", *HOSTILE):
        stage(ada, kid=text)
        page = Page(ada.get(ada.address).text)
        assert text in page.text
        plain = plain or page.skeleton()
        assert page.skeleton() == plain
    press(ada, "switch")
    assert kid_of(ada) == HOSTILE[-1]


def test_changed_at_once_it_may_have_a_key_id_too(sqlite_ada):
    ada = sqlite_ada
    assert submit(ada, ada.address, secret=OTHER, kid="k9").status_code == 303
    assert kid_of(ada) == "k9"
    assert submit(ada, ada.address, secret=THIRD).status_code == 303
    assert kid_of(ada) == "k1"


def test_where_the_present_secret_does_not_open_the_page_is_there_and_changing_it_at_once_mends_it(sqlite_ada):
    ada = sqlite_ada
    with ada.house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("UPDATE secret SET sealed = x'00'")
    assert ada.get(ada.address).status_code == 200
    assert stage(ada).status_code == 303 and ada.get("/a").status_code == 500
    assert submit(ada, ada.address, secret=THIRD).status_code == 303
    assert kid_of(ada) == "k1"


def test_after_a_switch_the_page_says_until_when_the_former_secret_is_needed(ada):
    clock = ada.house.clock
    change_asset(ada.house, "a", lifetime=7_200)
    clock.advance(60)
    change_asset(ada.house, "a", lifetime=600)
    stage(ada)
    assert "The box holds a new secret, neither the present nor the next one" in text_of(ada.get(ada.address))
    clock.advance(60)
    assert press(ada, "switch", 0).status_code == 303
    shown = text_of(ada.get(ada.address))
    assert "needs it until 2027-01-15 10:01:00 UTC, when the last token that it signed has expired" in shown
    assert "The box holds a new secret, not the present one" in shown
    clock.advance(7_200)
    answer = ada.house.signed_in("ada").get(ada.address)
    assert "the relying party needs it no more" in text_of(answer)


def test_a_former_secret_whose_tokens_never_expire_has_no_moment(sqlite_ada):
    change_asset(sqlite_ada.house, "a", lifetime=None)
    stage(sqlite_ada)
    press(sqlite_ada, "switch", 0)
    shown = text_of(sqlite_ada.get(sqlite_ada.address))
    assert "some of them never expire" in shown and "needs it until" not in shown
