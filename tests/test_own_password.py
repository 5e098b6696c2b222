"""One's own password: changed with the present one, which is counted like a sign-in; all other sessions end (ASVS 6.2.3, 7.2.4, 7.4.3)."""

import pytest

from mintmark import password_links, passwords
from mintmark.models import writing
from mintmark.people import find_person, set_password
from tests.conftest import PASSWORD, csrf_of
from tests.making import make_person
from tests.test_pages import Page

NEW = "another long password"


@pytest.fixture
def made(house):
    make_person(house, "ben")
    make_person(house, "nora", password=None)
    return house


def id_of(client):
    with client.session_transaction() as cookie:
        return cookie["_user_id"]


def hash_of(house, username="ben"):
    return house.rows("SELECT password_hash FROM person WHERE username = :name", name=username)[0]["password_hash"]


def change(house, client, **fields):
    return house.post_form(client, "/account/password", **{"present_password": PASSWORD, "password": NEW, **fields})


def test_it_is_changed_and_a_new_session_begins_here_and_every_other_ends(made):
    client, other = made.signed_in("ben"), made.signed_in("ben")
    before, stolen, open_form = id_of(client), client.get_cookie("mintmark").value, csrf_of(client.get("/account"))

    answer = change(made, client)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert id_of(client) != before
    thief = made.client()
    thief.set_cookie("mintmark", stolen)
    assert [each.get("/account").status_code for each in (client, other, thief)] == [200, 303, 303]
    assert client.post("/account", data={"csrf_token": open_form}).status_code == 303
    assert [row["event"] for row in made.log()][-2:] == ["person.password_set", "person.signed_in"]
    row = made.log("person.password_set")[0]
    assert row["actor"] == row["person"] and row["address"] == "127.0.0.1"
    made.sign_in("ben", NEW)
    assert made.post_form(made.client(), "/login", username="ben", password=PASSWORD).status_code == 422


def test_the_present_password_is_asked_however_fresh_the_sign_in_is(made):
    client, before = made.signed_in("ben"), hash_of(made)

    for given in ("", PASSWORD + " "):
        answer = change(made, client, present_password=given)
        assert answer.status_code == 422
        assert "Present password is not right" in " ".join(Page(answer.text).text.split())
        assert NEW not in answer.text

    assert hash_of(made) == before
    assert [row["code"] for row in made.log("person.sign_in_refused")] == ["wrong_password"] * 2
    assert client.get("/account").status_code == 200


def test_wrong_ones_are_counted_together_with_sign_ins(make_house):
    house = make_house(LIMIT_SIGN_IN="3 per minute")
    make_person(house, "ben")
    client = house.signed_in("ben")
    for _ in range(2):
        assert change(house, client, present_password="wrong").status_code == 422
    assert house.post_form(house.client(), "/login", username="ben", password="wrong").status_code == 422

    answer = change(house, client)

    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert "Try again in" in answer.text
    house.clock.advance(121)
    assert change(house, client).status_code == 303


def test_a_weak_one_is_refused_before_the_present_one_is_tried(made):
    client = made.signed_in("ben")

    for password in ("", "short", "x" * 11, "benbenbenben", "a" * 40, "p" * 1025, "line\nbreak-in-it"):
        answer = change(made, client, password=password)
        assert answer.status_code == 422, password
        assert Page(answer.text).one("input", name="password")["aria-invalid"] == "true"
        assert len(password) < 6 or password not in answer.text

    assert made.rows("SELECT * FROM attempt") == [] and made.log("person.sign_in_refused") == []
    assert passwords.matches(hash_of(made), PASSWORD)


def test_who_has_no_password_is_told_who_can_give_one(made):
    client = made.signed_in("nora")

    page = client.get("/account/password")
    assert "ask an administrator" in page.text and 'name="password"' not in page.text
    for given in ("", PASSWORD):
        answer = change(made, client, present_password=given)
        assert (answer.status_code, hash_of(made, "nora")) == (422, None)


def test_links_to_set_a_password_are_dead_afterwards(made):
    with made.app.app_context(), writing():
        code = password_links.make_link(find_person("ben"), by=made.by())

    change(made, made.signed_in("ben"))

    assert made.client().get("/setup/password", query_string={"code": code}).status_code == 404


def test_one_that_is_reset_meanwhile_stays_reset(made, monkeypatch):
    def matches(password_hash, password, real=passwords.matches):
        is_right = real(password_hash, password)
        with made.app.app_context(), writing():
            set_password(find_person("ben"), "set by somebody else", by=made.by())
        return is_right

    client = made.signed_in("ben")
    token = csrf_of(client.get("/account/password"))
    monkeypatch.setattr(passwords, "matches", matches)
    answer = client.post("/account/password", data={"csrf_token": token, "present_password": PASSWORD, "password": NEW})

    assert answer.status_code == 422
    monkeypatch.undo()
    made.sign_in("ben", "set by somebody else")
    assert client.get("/account").status_code == 303


def test_a_form_that_is_not_ours_changes_nothing(made):
    client, before = made.signed_in("ben"), hash_of(made)

    data = {"present_password": PASSWORD, "password": NEW}
    assert client.post("/account/password", data=data).status_code == 400
    assert hash_of(made) == before and made.rows("SELECT * FROM attempt") == []
