"""One's own sessions: seen with device and last use, ended one by one or all others; an id never stands on a page (ASVS 7.5.2)."""

import json

import pytest

from mintmark import sessions
from mintmark.models import Session, db, writing
from mintmark.people import find_person
from mintmark.web.own_sessions import device_in_words
from tests.making import make_person
from tests.test_pages import HOSTILE, Page

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def made(house):
    for name in ("ben", "ann"):
        make_person(house, name)
    return house


def begin(house, username="ben", device=FIREFOX, address="192.0.2.7"):
    """Begin a session elsewhere and return its id."""
    with house.app.app_context(), writing():
        return sessions.begin(find_person(username), now=house.clock(), address=address, device=device).id


def live_ids(house):
    return {row["id"] for row in house.rows("SELECT id FROM session WHERE ended_at IS NULL")}


def id_of(client):
    with client.session_transaction() as cookie:
        return cookie["_user_id"]


def handles(client):
    return [found["value"] for found in Page(client.get("/account/sessions").text).all("input", name="session")]


def test_live_sessions_are_listed_those_used_last_first(made):
    begin(made)
    made.clock.advance(120)
    client = made.signed_in("ben")
    made.clock.advance(30)
    newest = begin(made, device="curl/8.5.0", address="2001:db8::7")

    page = Page(client.get("/account/sessions").text)

    assert [text.strip() for text in page.texts["th"][5:] if text.strip()] == [
        "curl",
        "Unknown device",
        "Firefox on Windows",
    ]
    assert "This one" in page.text and "2001:db8::7" in page.text and FIREFOX in page.text
    assert [found["datetime"] for found in page.all("time")][:2] == ["2027-01-15T08:02:30Z"] * 2
    assert len(page.all("input", name="session")) == 2
    assert not any(session_id in page.html for session_id in (*live_ids(made), newest))


def test_ended_and_timed_out_sessions_and_those_of_others_are_not_listed(made):
    begin(made)
    made.clock.advance(3601)
    client = made.signed_in("ben")
    gone = begin(made)
    begin(made, "ann")
    with made.app.app_context(), writing():
        sessions.end(gone, now=made.clock())

    assert handles(client) == []
    assert "End all others" not in client.get("/account/sessions").text


def test_one_is_ended_by_its_handle_and_the_log_says_so(made):
    client, other = made.signed_in("ben"), made.signed_in("ben")

    answer = made.post_form(client, "/account/sessions/end", page="/account/sessions", session=handles(client)[0])

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions")
    assert other.get("/account").status_code == 303
    assert "That session is ended." in client.get("/account/sessions").text
    row = made.log("person.sessions_ended")[0]
    assert row["actor"] == row["person"] and json.loads(row["detail"]) == {"amount": 1}


def test_nobody_ends_a_session_of_somebody_else_or_one_that_is_none(made):
    client, ann = made.signed_in("ben"), made.signed_in("ann")

    for handle in (sessions.handle_of(id_of(ann)), id_of(ann), id_of(client), "", "x", "ä" * 70, "a\x00"):
        answer = made.post_form(client, "/account/sessions/end", page="/account/sessions", session=handle)
        assert answer.status_code == 303

    assert len(live_ids(made)) == 2
    assert made.log("person.sessions_ended") == []
    assert "had ended already" in client.get("/account/sessions").text


def test_all_others_are_ended_at_once_and_this_one_stays(made):
    client, ann = made.signed_in("ben"), made.signed_in("ann")
    others = [made.signed_in("ben") for _ in range(3)]

    made.post_form(client, "/account/sessions/end-others", page="/account/sessions")

    assert live_ids(made) == {id_of(client), id_of(ann)}
    assert [other.get("/account").status_code for other in others] == [303] * 3
    assert client.get("/account").status_code == 200
    assert json.loads(made.log("person.sessions_ended")[0]["detail"]) == {"amount": 3}


def test_a_form_that_is_not_ours_ends_nothing(made):
    client = made.signed_in("ben")
    begin(made)
    data = {"session": handles(client)[0]}

    for path in ("/account/sessions/end", "/account/sessions/end-others"):
        assert client.post(path, data=data).status_code == 400
    assert len(live_ids(made)) == 2


def test_of_very_many_those_used_last_are_shown(made):
    with made.app.app_context(), writing():
        person = find_person("ben")
        now = int(made.clock())
        values = {"person_id": person.id, "signed_in_at": now - 600, "address": None, "device": None}
        db.session.add_all(
            Session(id=f"{number:064}", last_used_at=now - number, **values) for number in range(1, 1001)
        )
    client = made.signed_in("ben")

    page = Page(client.get("/account/sessions").text)

    assert len(page.all("input", name="session")) == sessions.MOST_LISTED - 1
    assert "There are 1\u202f001" in page.text and "not known" in page.text
    assert page.all("input", name="session")[0]["value"] == sessions.handle_of(f"{1:064}")


def test_what_a_browser_says_of_itself_stays_text(sqlite_house):
    make_person(sqlite_house, "ben")
    client = sqlite_house.signed_in("ben")
    for text in HOSTILE:
        begin(sqlite_house, device=text, address=text)

    page = Page(client.get("/account/sessions").text)

    assert len(page.all("form")) == 2 + len(HOSTILE)
    assert not page.all("img", src="x") and len(page.all("script")) == 0
    for text in HOSTILE:
        assert text in page.texts["bdi"], text


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/141.0 Mobile/15E148 Safari/604.1", "Chrome on iPad"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36", "Samsung Internet on Android"),
        ("curl/8.5.0", "curl"),
        ("Linux", "Linux"),
        ("", "Unknown device"),
        ("<script>", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_guessed_in_words(user_agent, words):
    assert device_in_words(user_agent) == words
