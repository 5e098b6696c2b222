"""One's own access tokens on their page, and a person's on the administrator's: made, shown once, ended."""

import re
import shlex
import threading

import pytest

from mintmark import access_tokens
from mintmark.models import AccessToken, db, writing
from mintmark.people import find_person
from tests.conftest import csrf_of
from tests.filling import fields_of, submit
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_access_tokens import CHAT, DESK, fetch, make, rows_of
from tests.test_pages import HOSTILE, Page

URL = "/account/access-tokens"
GOOD = {"name": "laptop", "days": "30", "assets": [DESK]}


@pytest.fixture
def made(house):
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    for path in (DESK, CHAT):
        make_asset(house, path, name=f"The {path}")
    return house


def text_of(answer):
    """Return the access token that a page shows."""
    found = set(re.findall(r"mm_[A-Za-z0-9_-]{43}", answer.text))
    assert len(found) == 1, answer.text
    return found.pop()


def test_one_is_made_shown_once_with_a_command_and_works(made):
    client = made.signed_in("ben")
    page = Page(client.get(URL).text)
    assert [found["value"] for found in page.all("input", name="assets")] == [CHAT, DESK]
    assert f"{DESK} (The {DESK})" in page.texts["bdi"]
    assert [found["value"] for found in page.all("option")] == ["7", "30", "90", "365"]

    answer = submit(client, URL, **GOOD)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    text = text_of(answer)
    *_, command = Page(answer.text).texts["code"][:2]
    assert shlex.split(command) == ["curl", "-H", f"Authorization: Bearer {text}", f"http://127.0.0.1:8000/{DESK}"]
    assert fetch(made, text).status_code == 200
    assert fetch(made, text, CHAT).status_code == 403
    again = client.get(URL).text
    assert text not in again and "laptop" in again and DESK in again
    assert text not in str(made.log()) and "copy.js" in answer.text and "copy.js" not in again


def test_the_command_is_one_that_the_asset_answers(made):
    answer = {"form": "json", "field": "t", "beside": {}, "methods": ["POST"]}
    room = {"params": [{"name": "room", "one_of": ["a", "b"]}]}
    make_asset(made, "posted", answer=answer)
    make_asset(made, "asked", '{"r": "{{ params.room }}"}', **room)
    client = made.signed_in("ben")

    posted = shlex.split(Page(submit(client, URL, **GOOD | {"assets": ["posted"]}).text).texts["code"][1])
    asked = shlex.split(Page(submit(client, URL, **GOOD | {"assets": ["asked"]}).text).texts["code"][1])

    assert posted[3:] == ["-H", "Content-Type: application/json", "-d", "{}", "http://127.0.0.1:8000/posted"]
    assert asked[3:] == ["http://127.0.0.1:8000/asked?room=a"]


BAD = [
    ({"name": ""}, "Name is empty"),
    ({"name": "  "}, "Name is empty"),
    ({"name": "x" * 101}, "at most 100"),
    ({"name": "a\u202eb"}, "control or invisible"),
    ({"days": "0"}, "from 1 to 366"),
    ({"days": "367"}, "from 1 to 366"),
    ({"days": ""}, "from 1 to 366"),
    ({"days": "-7"}, "from 1 to 366"),
    ({"days": "٣"}, "from 1 to 366"),
    ({"days": "9" * 5000}, "from 1 to 366"),
    ({"assets": []}, "choose at least one"),
    ({"assets": ["nothing"]}, "<code>nothing</code>, which is no asset that you may fetch"),
    ({"assets": [DESK, "staff"]}, "<code>staff</code>, which is no asset"),
    ({"assets": ["off"]}, "<code>off</code>, which is no asset"),
    ({"assets": ["<b>`x`"]}, "a line that is no asset"),
    ({"assets": ["\x00"]}, "a line that is no asset"),
    ({"assets": [f"a/{number}" for number in range(101)]}, "from 1 to 100 assets, not 101"),
]


def test_what_cannot_be_is_refused_with_what_was_typed(made, subtests):
    make_asset(made, "staff", readers=[])
    make_asset(made, "off")
    change_asset(made, "off", live=False)
    client = made.signed_in("ben")

    for number, (fields, words) in enumerate(BAD):
        with subtests.test(number, fields=str(fields)[:60]):
            answer = submit(client, URL, **GOOD | fields)
            assert answer.status_code == 422
            assert words in answer.text
            if "name" not in fields:
                assert fields_of(answer)["name"] == ["laptop"]
    assert rows_of(made) == []
    answer = client.post(URL, data={"csrf_token": csrf_of(client.get(URL)), **GOOD, "days": "366"})
    assert answer.status_code == 200
    assert client.post(URL, data=GOOD).status_code == client.post(URL + "/end").status_code == 400


def test_of_many_assets_the_paths_are_typed(made):
    for number in range(60):
        make_asset(made, f"many/{number:02}")
    client = made.signed_in("ben")
    assert len(Page(client.get(URL).text).all("textarea", name="assets")) == 1
    chosen = [f"many/{number:02}" for number in range(0, 60)]

    refused = submit(client, URL, **GOOD | {"assets": f"{DESK}\n\n/nothing\n{DESK}"})
    assert refused.status_code == 422
    assert fields_of(refused)["assets"] == [f"{DESK}\nnothing"]
    answer = submit(client, URL, **GOOD | {"assets": "\n".join(f" /{path} " for path in chosen)})

    assert answer.status_code == 200
    assert fetch(made, text_of(answer), "many/59").status_code == 200
    assert len(made.rows("SELECT 1 FROM access_token_asset")) == 60
    assert "and 57 more" in client.get(URL).text


def test_who_may_fetch_nothing_is_told_so(house):
    make_person(house, "ben")

    page = house.signed_in("ben").get(URL)

    assert "no asset yet" in page.text and 'name="assets"' not in page.text


def test_there_are_at_most_fifty_live_ones_of_a_person(made):
    make(made, "ben", DESK, days=1)
    for number in range(49):
        make(made, "ben", DESK, name=f"number {number}")
    client = made.signed_in("ben")
    refused = submit(client, URL, **GOOD)
    assert refused.status_code == 422 and "more than 50 live ones" in refused.text

    made.clock.advance(86_400)

    client = made.signed_in("ben")
    assert submit(client, URL, **GOOD).status_code == 200
    assert submit(client, URL, **GOOD).status_code == 422
    answer = made.signed_in("ada").get(URL)
    assert "number 3" not in answer.text


def test_two_at_once_do_not_pass_the_limit_together(made):
    for number in range(48):
        make(made, "ben", DESK, name=f"number {number}")
    clients = [made.signed_in("ben") for _ in range(6)]
    data = [{"csrf_token": csrf_of(client.get(URL)), **GOOD} for client in clients]
    statuses = []

    def post(client, fields):
        statuses.append(client.post(URL, data=fields).status_code)

    threads = [threading.Thread(target=post, args=pair) for pair in zip(clients, data, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] * 2 + [422] * 4
    assert len(rows_of(made)) == 50


def test_one_is_ended_by_its_person_and_by_nobody_else(made):
    text, other = make(made, "ben", DESK), make(made, "ada", DESK)
    ben, ada = made.signed_in("ben"), made.signed_in("ada")
    [of_ben] = [found["value"] for found in Page(ben.get(URL).text).all("input", name="access_token")]
    [of_ada] = [found["value"] for found in Page(ada.get(URL).text).all("input", name="access_token")]

    for value in (of_ada, "", "x", "\x00", "ä" * 70):
        made.post_form(ben, URL + "/end", page=URL, access_token=value)
    assert fetch(made, text).status_code == fetch(made, other).status_code == 200
    assert "had ended already" in ben.get(URL).text

    answer = made.post_form(ben, URL + "/end", page=URL, access_token=of_ben)

    assert (answer.status_code, answer.headers["Location"]) == (303, URL)
    assert (fetch(made, text).status_code, fetch(made, other).status_code) == (403, 200)
    page = Page(ben.get(URL).text)
    assert page.all("input", name="access_token") == [] and "Ended" in page.text


def test_those_of_the_past_are_listed_apart_the_newest_of_them(made):
    make(made, "ben", DESK, days=1, name="short")
    with made.app.app_context(), writing():
        ben = find_person("ben")
        values = {"person_id": ben.id, "created_at": 1, "expires_at": 2, "name": "old"}
        db.session.add_all(AccessToken(hash=f"{number:064}", **values) for number in range(100))
    made.clock.advance(86_400)

    page = Page(made.signed_in("ben").get(URL).text)

    assert page.html.count("Expired") == access_tokens.MOST_PAST and "short" in page.html
    assert "none any more" in page.html and page.all("input", name="access_token") == []


def test_an_administrator_sees_and_ends_them_and_never_makes_one(made):
    texts = [make(made, "ben", DESK, name=name) for name in ("laptop", "server", "phone")]
    own = make(made, "ada", DESK)
    ada = made.signed_in("ada")
    [ben] = made.rows("SELECT id FROM person WHERE username = 'ben'")
    address = f"/admin/people/{ben['id']}"
    page = ada.get(address)
    assert all(name in page.text for name in ("laptop", "server", "phone")) and "mm_" not in page.text
    ids = {row["name"]: row["id"] for row in rows_of(made) if row["person_id"] == ben["id"]}
    assert all(id in page.text for id in ids.values())
    # Taking rights away asks for no password, however long ago the sign-in was.
    made.clock.advance(16 * 60)
    [of_ada] = [row["id"] for row in rows_of(made) if row["person_id"] != ben["id"]]

    made.post_form(ada, address + "/end-access-token", page=address, access_token=of_ada)
    made.post_form(ada, address + "/end-sessions", page=address)
    assert [fetch(made, text).status_code for text in (*texts, own)] == [200] * 4
    answer = made.post_form(ada, address + "/end-access-token", page=address, access_token=ids["server"])
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert [fetch(made, text).status_code for text in texts] == [200, 403, 200]
    made.post_form(ada, address + "/end-access-tokens", page=address)

    assert [fetch(made, text).status_code for text in (*texts, own)] == [403, 403, 403, 200]
    assert "End all access tokens" not in ada.get(address).text
    [actor] = {row["actor"] for row in made.log("access_token.ended")}
    assert actor == made.rows("SELECT id FROM person WHERE username = 'ada'")[0]["id"]
    assert {row["person"] for row in made.log("access_token.ended")} == {ben["id"]}
    for path in ("/end-access-token", "/end-access-tokens"):
        assert ada.post(address + path).status_code == 400
        assert made.signed_in("ben").post(address + path).status_code == 403
    assert not [rule for rule in made.app.url_map.iter_rules() if "make" in rule.endpoint and "access" in rule.rule
                and rule.rule != URL]  # fmt: skip


def test_a_changed_password_leaves_them_and_the_page_says_so(made):
    text, client = make(made, "ben", DESK), made.signed_in("ben")
    assert "Access tokens</a> of your programs stay" in client.get("/account/password").text
    assert "when you change your password" in client.get(URL).text

    made.post_form(client, "/account/password", present_password="correct horse battery", password="another long pass phrase")  # fmt: skip

    assert len(made.log("person.password_set")) == 1
    assert fetch(made, text).status_code == 200


def test_who_is_switched_off_meanwhile_makes_none(made, monkeypatch):
    client = made.signed_in("ben")
    monkeypatch.setattr("mintmark.people.lock_person", lambda person_id: None)

    answer = submit(client, URL, **GOOD)

    assert answer.status_code == 404 and rows_of(made) == []


def test_an_asset_of_a_group_is_offered_to_its_people_alone(made):
    make_group(made, "desk")
    make_asset(made, "grouped", readers=["desk"])
    make_person(made, "eve", groups=["desk"])

    def offered(name):
        return [found["value"] for found in Page(made.signed_in(name).get(URL).text).all("input", name="assets")]

    assert offered("ben") == [CHAT, DESK]
    assert offered("eve") == offered("ada") == ["grouped", CHAT, DESK]


def test_hostile_names_stay_text(sqlite_house):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, DESK)
    client = sqlite_house.signed_in("ben")
    for text in HOSTILE:
        answer = submit(client, URL, **GOOD | {"name": text})
        assert answer.status_code in (200, 422), text
        page = Page(answer.text)
        assert not page.all("img", src="x") and len(page.all("script")) <= 1, text
    assert rows_of(sqlite_house)
