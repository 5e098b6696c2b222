"""An administrator looks at the claims of another person: a recorded act, and never a token (CVE-2026-37978)."""

import json
import re

import pytest
from sqlalchemy import text

from mintmark import people
from mintmark.models import writing
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_pages import HOSTILE, Page
from tests.test_preview import claims_on, judged, origins_on, without_jti

TEMPLATE = '{"sub": "{{ user.username }}",\n "last": "{{ user.last_name }}"}'


@pytest.fixture
def made(house):
    """Ada, Ben and Carl of the group staff; Mallory is switched off; the asset helpdesk for staff."""
    make_group(house, "staff")
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", first_name="Ben", last_name="Okri", groups=["staff"])
    make_person(house, "carl", first_name="Carl", groups=["staff"])
    make_person(house, "dora", first_name="Dora", last_name="Benn")
    make_person(house, "mallory", live=False, groups=["staff"])
    house.url = f"/admin/assets/{make_asset(house, 'helpdesk', TEMPLATE, readers=['staff'])}/preview"
    return house


def ids(house):
    return {row["username"]: row["id"] for row in house.rows("SELECT id, username FROM person")}


def test_the_claims_are_those_that_the_person_would_get(made):
    answer = made.post_form(made.signed_in("ada"), made.url, username="BEN")
    assert answer.status_code == 200
    assert without_jti(claims_on(answer)) == without_jti(judged(made.signed_in("ben").get("/helpdesk").text))
    assert origins_on(answer)["last"] == "from user.last_name (text), line 2"
    assert "May fetch this asset." in answer.text


def test_no_token_and_no_signature_is_on_the_page_and_none_was_issued(made):
    answer = made.post_form(made.signed_in("ada"), made.url, username="ben")
    assert re.search(r"eyJ[A-Za-z0-9_-]{10}", answer.text) is None
    assert 'class="token' not in answer.text
    assert made.log("token.issued") == []


def test_the_look_is_one_row_that_says_who_looked_at_whose_claims(made):
    before, answer = len(made.log()), made.post_form(made.signed_in("ada"), made.url, username="ben")
    row = made.log()[-1]
    assert len(made.log()) == before + 2  # ada's session, and the look.
    assert (row["event"], row["outcome"], row["code"]) == ("asset.previewed", "done", None)
    assert (row["actor"], row["person"]) == (ids(made)["ada"], ids(made)["ben"])
    assert (row["asset"], row["revision"]) == (made.url.split("/")[3], 1)
    assert row["request"] == answer.headers["Mintmark-Request"] and row["address"] == "127.0.0.1"
    assert json.loads(row["detail"]) == {"path": "helpdesk"}
    assert claims_on(answer)["jti"] not in json.dumps(row)


def test_a_diagnosis_is_shown_in_full_and_recorded_as_failed(made):
    answer = made.post_form(made.signed_in("ada"), made.url, username="carl")
    assert "Gets no token: line 2, column 11: <code>user.last_name</code> is missing" in answer.text
    assert '<table class="claims">' not in answer.text
    [row] = made.log("asset.previewed")
    assert (row["outcome"], row["code"], row["person"]) == ("failed", "template_failed", ids(made)["carl"])
    assert json.loads(row["detail"])["name"] == "user.last_name"
    assert made.log("token.failed") == []


def test_where_the_row_cannot_be_written_nothing_is_shown(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", last_name="Okri")
    url = f"/admin/assets/{make_asset(house, 'helpdesk', TEMPLATE)}/preview"
    ada = house.signed_in("ada")
    ada.get(url)
    with house.app.app_context(), writing() as session:
        trigger = "CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'full'); END"
        session.execute(text(trigger))
    answer = house.post_form(ada, url, username="ben")
    assert answer.status_code >= 500 and "Okri" not in answer.text


def test_a_busy_database_is_a_page_of_503_and_nothing_is_shown(sqlite_house, monkeypatch):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", last_name="Okri")
    url = f"/admin/assets/{make_asset(house, 'helpdesk', TEMPLATE)}/preview"
    ada = house.signed_in("ada")
    ada.get(url)
    monkeypatch.setattr("mintmark.models.base.BUSY_SECONDS", 0.05)
    with house.app.app_context(), writing():  # Somebody else's turn.
        answer = in_another_thread(lambda: house.post_form(ada, url, username="ben"))
    assert answer.status_code == 503 and "Okri" not in answer.text


def in_another_thread(act):
    """Return what an act gives in a thread of its own."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result(timeout=30)


def test_it_is_said_whether_the_person_may_fetch_at_all(made):
    ada = made.signed_in("ada")
    answer = made.post_form(ada, made.url, username="dora")
    assert "May not fetch this asset." in answer.text and claims_on(answer)["last"] == "Benn"
    change_asset(made, "helpdesk", live=False)
    answer = made.post_form(ada, made.url, username="ben")
    assert "The asset is switched off: nobody gets a token." in answer.text and claims_on(answer)["last"] == "Okri"
    assert [row["revision"] for row in made.log("asset.previewed")] == [1, 2]


def test_who_is_not_found_is_looked_for_and_nothing_is_recorded(made):
    ada = made.signed_in("ada")
    for typed, words, suggested in (
        ("be", "Username is nobody’s.", ["ben", "dora"]),
        ("okr", "Username is nobody’s.", ["ben"]),
        ("mal", "Username is nobody’s.", []),
        ("", "Username is empty.", []),
        ("mallory", "Username is that of somebody switched off, who gets no token.", []),
        ("x" * 5_000, "Username is nobody’s.", []),
    ):
        answer = made.post_form(ada, made.url, username=typed)
        page = Page(answer.text)
        assert answer.status_code == 422 and words in page.text
        shown = [found["value"] for found in page.all("input", type="hidden", name="username")]
        assert sorted(shown) == suggested, typed
        assert page.one("input", name="username", type="text")["value"] == typed
    assert made.log("asset.previewed") == []


def test_parameters_are_fields_and_go_with_a_suggestion(made):
    change_asset(made, "helpdesk", template='{"n": "{{ params.nonce }}"}', params=[{"name": "nonce"}])
    ada = made.signed_in("ada")
    assert claims_on(made.post_form(ada, made.url, username="ben", param_nonce="n1"))["n"] == "n1"
    page = Page(made.post_form(ada, made.url, username="be", param_nonce="n1").text)
    assert len(page.all("input", type="hidden", name="param_nonce", value="n1")) == 2
    answer = made.post_form(ada, made.url, username="ben", param_nonce="<")
    assert answer.status_code == 422 and "Parameter nonce takes 1 to 200" in answer.text


@pytest.mark.parametrize("name", ["ben", "edith", None])
def test_nobody_but_administrators_enters(made, name):
    make_group(made, "writers")
    make_person(made, "edith", groups=["writers"])
    change_asset(
        made, "helpdesk", editors=[row["id"] for row in made.rows("SELECT id FROM people_group WHERE name = 'writers'")]
    )
    client = made.signed_in(name) if name else made.client()
    assert client.get(made.url).status_code == (403 if name else 303)
    for url in (made.url, "/admin/assets/none/preview"):
        answer = made.post_form(client, url, page="/" if name else "/login", username="ben")
        assert answer.status_code == 403 and "Claims of" not in answer.text
    assert made.log("asset.previewed") == []


def test_what_is_not_there_is_404_and_a_form_of_elsewhere_400(made):
    ada = made.signed_in("ada")
    assert ada.get("/admin/assets/none/preview").status_code == 404
    assert made.post_form(ada, "/admin/assets/none/preview", page="/", username="ben").status_code == 404
    assert ada.post(made.url, data={"username": "ben", "csrf_token": "x"}).status_code == 400


def test_hostile_texts_appear_as_text(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", last_name="Okri", first_name="Zed")
    url = f"/admin/assets/{make_asset(house, 'helpdesk', TEMPLATE)}/preview"
    ada = house.signed_in("ada")
    plain = Page(house.post_form(ada, url, username="ben").text)
    for hostile in HOSTILE:
        with house.app.app_context(), writing():
            people.revise(people.find_person("ben"), {"last_name": hostile, "display_name": hostile}, by=house.by())
        answer = house.post_form(ada, url, username="ben")
        assert Page(answer.text).skeleton() == plain.skeleton() and claims_on(answer)["last"] == hostile
        answer = house.post_form(ada, url, username=hostile)
        typed = Page(answer.text).one("input", name="username", type="text")["value"]
        assert answer.status_code == 422 and typed == hostile
