"""Signing in and out: what a browser sees, what an attacker learns, and what ends (ASVS 5.0.0, chapters 3.5, 6 and 7)."""

import json
import re
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintmark import passwords
from mintmark.errors import Busy, FieldError
from mintmark.models import writing
from mintmark.people import find_person, revise, set_password
from mintmark.web import proof
from mintmark.web.next_page import next_page
from mintmark.web.signin import WRONG
from tests.conftest import PASSWORD, csrf_of
from tests.making import make_asset, make_person


@pytest.fixture
def made(house):
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    make_person(house, "mallory", live=False)
    make_person(house, "nora", password=None)
    return house


def cookie_of(client):
    return client.get_cookie("mintmark")


def test_a_person_signs_in_and_sees_home(made):
    client = made.sign_in("ben")

    assert client.get("/").status_code == 200
    [row] = made.log("person.signed_in")
    assert row["address"] == "127.0.0.1" and re.fullmatch("[0-9a-f]{16}", row["request"])


def test_the_name_is_found_without_regard_to_case_and_issued_as_typed(made):
    make_person(made, "Åsa Öst")
    make_asset(made, "a")

    client = made.sign_in("åSA öST")

    assert client.get("/a").status_code == 200
    assert made.log("token.issued")[0]["sub"] == "Åsa Öst"


def test_the_cookie_is_http_only_lax_and_has_no_domain(made):
    answer = made.post_form(made.client(), "/login", username="ben", password=PASSWORD)
    cookie = next(value for value in answer.headers.getlist("Set-Cookie"))

    assert cookie.startswith("mintmark=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie and "Secure" not in cookie and "Expires" not in cookie
    assert len(cookie) < 4096


@pytest.mark.parametrize(
    ("base_url", "start", "path"),
    [
        ("https://www.uni.test", "__Host-mintmark=", "Path=/;"),
        ("https://www.uni.test/tokens", "__Secure-mintmark=", "Path=/tokens"),
    ],
)
def test_under_https_the_cookie_is_secure_and_bound_to_host_or_path(make_house, base_url, start, path):
    house = make_house(BASE_URL=base_url)
    client = house.client()

    answer = client.get(urlsplit(base_url).path + "/login", base_url="https://www.uni.test")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(start)
    assert "Secure" in cookie and path in cookie + ";" and "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_cross_site_is_a_setting_of_its_own(make_house):
    house = make_house(BASE_URL="https://www.uni.test", CROSS_SITE="1")

    assert "SameSite=None" in house.client().get("/login", base_url="https://www.uni.test").headers["Set-Cookie"]


# What an attacker learns


@pytest.mark.parametrize(
    ("username", "password"),
    [("nobody", PASSWORD), ("ben", "wrong password"), ("mallory", PASSWORD), ("nora", PASSWORD), ("nora", ""), ("ben", ""),
     ("", ""), ("x" * 5000, "y" * 5000), ("ben\x00", PASSWORD), ("ben", PASSWORD + "\x00")],
)  # fmt: skip
def test_every_refusal_has_the_same_words_status_and_work(made, monkeypatch, username, password):
    worked = []
    monkeypatch.setattr(
        passwords, "_in_turn", lambda work, *a, real=passwords._in_turn: worked.append(work) or real(work, *a)
    )

    answer = made.post_form(made.client(), "/login", username=username, password=password)

    assert answer.status_code == 422
    assert WRONG in answer.text
    assert len(worked) == 1
    assert made.log("person.signed_in") == []


def test_an_unknown_name_is_not_logged_for_it_may_be_a_password(made):
    made.post_form(made.client(), "/login", username="hunter2-hunter2", password="")

    row = made.log("person.sign_in_refused")[0]
    assert (row["code"], row["person"]) == ("unknown_person", None)
    assert "hunter2" not in str(made.rows("SELECT * FROM log")) + str(made.rows("SELECT * FROM attempt"))


@pytest.mark.parametrize(("username", "code"), [("ben", "wrong_password"), ("mallory", "switched_off")])
def test_the_log_says_why(made, username, code):
    password = PASSWORD if code == "switched_off" else "wrong"
    made.post_form(made.client(), "/login", username=username, password=password)

    assert made.log("person.sign_in_refused")[0]["code"] == code


def test_the_fixed_hash_costs_what_a_real_one_costs(password_hash):
    parameters = re.compile(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+")

    assert parameters.match(passwords._NOBODY)[0] == parameters.match(password_hash)[0]
    assert parameters.match(password_hash)[0] == "$argon2id$v=19$m=32768,t=2,p=1"
    assert not passwords.matches(None, "")


# Throttling


def test_over_the_limit_is_429_with_retry_after_and_passes_with_time(make_house):
    house = make_house(LIMIT_SIGN_IN="3 per minute")
    make_person(house, "ben")
    for _ in range(3):
        assert house.post_form(house.client(), "/login", username="ben", password="wrong").status_code == 422

    answer = house.post_form(house.client(), "/login", username="BEN", password=PASSWORD)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 121
    assert "seconds" in answer.text
    house.clock.advance(121)
    house.sign_in("ben")


def test_accounts_and_addresses_are_counted_each(make_house):
    house = make_house(LIMIT_SIGN_IN="3 per minute", TRUSTED_PROXIES="1")
    for name in ("ben", "ann", "eve"):
        make_person(house, name)

    def try_in(username, address):
        client = house.client()
        token = csrf_of(client.get("/login"))
        data = {"csrf_token": token, "username": username, "password": "wrong"}
        return client.post("/login", data=data, headers={"X-Forwarded-For": address}).status_code

    assert [try_in("ben", f"192.0.2.{i}") for i in range(4)] == [422, 422, 422, 429]
    assert [try_in(name, "198.51.100.1") for name in ("ann", "eve", "u1", "u2")] == [422, 422, 422, 429]
    assert [try_in(f"v{i}", f"2001:db8::{i}") for i in range(4)] == [422, 422, 422, 429]
    assert try_in("ann", "192.0.2.77") == 422


def test_the_count_is_kept_where_all_workers_see_it(make_house):
    first, second = make_house(LIMIT_SIGN_IN="2 per minute"), make_house(LIMIT_SIGN_IN="2 per minute")
    make_person(first, "ben")
    for house in (first, second):
        house.post_form(house.client(), "/login", username="ben", password="wrong")

    assert first.post_form(first.client(), "/login", username="ben", password=PASSWORD).status_code == 429


def test_old_counts_are_purged(make_house):
    house = make_house(LIMIT_SIGN_IN="5 per minute")
    for _ in range(3):
        house.post_form(house.client(), "/login", username="x", password="y")
        house.clock.advance(300)

    assert len(house.rows("SELECT * FROM attempt")) == 2


def test_one_password_is_worked_on_at_a_time_one_waits_and_the_rest_are_told_so_at_once(made, monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.3)
    statuses, began = [], time.monotonic()

    def sign_in():
        answer = made.post_form(made.client(), "/login", username="ben", password=PASSWORD)
        statuses.append((answer.status_code, answer.headers.get("Retry-After"), time.monotonic() - began))

    with passwords._turn, passwords._places:
        threads = [threading.Thread(target=sign_in) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {(status, retry) for status, retry, _ in statuses} == {(503, "5")}
    made.sign_in("ben")


def test_an_attempt_is_counted_before_the_password_is_tried(made, monkeypatch):
    counted = []
    monkeypatch.setattr(
        passwords, "_in_turn", lambda *_: counted.append(made.rows("SELECT sum(amount) AS n FROM attempt")[0]["n"])
    )

    made.post_form(made.client(), "/login", username="ben", password="wrong")

    assert counted == [2]


def test_one_address_over_its_limit_counts_for_no_account(make_house):
    house = make_house(LIMIT_SIGN_IN="3 per minute", TRUSTED_PROXIES="1")
    make_person(house, "ben")
    client = house.client()
    data = {"csrf_token": csrf_of(client.get("/login")), "username": "x", "password": "wrong"}
    attacker = {"X-Forwarded-For": "198.51.100.1"}
    for name in ("a", "b", "c", *["ben"] * 5):
        client.post("/login", data={**data, "username": name}, headers=attacker)

    answer = client.post(
        "/login", data={**data, "username": "ben", "password": PASSWORD}, headers={"X-Forwarded-For": "192.0.2.1"}
    )

    assert answer.status_code == 303


def test_forwarded_hosts_and_schemes_are_never_believed(make_house):
    house = make_house(TRUSTED_PROXIES="2")
    headers = {
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Port": "9",
    }

    answer = house.client().get("/login", headers=headers)

    assert answer.status_code == 200
    assert "evil" not in answer.text and "Secure" not in answer.headers["Set-Cookie"]
    assert house.client().get("/", headers=headers).headers["Location"] == "/login"


def test_a_weak_hash_is_made_anew_at_sign_in(made):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with made.app.app_context(), writing():
        find_person("ben").password_hash = weak

    made.sign_in("ben")

    kept = made.rows("SELECT password_hash FROM person WHERE username = 'ben'")[0]["password_hash"]
    assert kept != weak and not passwords.needs_rehash(kept)
    made.sign_in("ben")


def test_a_password_that_is_reset_while_it_is_verified_signs_nobody_in(made, monkeypatch):
    def matches(password_hash, password, real=passwords.matches):
        is_right = real(password_hash, password)
        with made.app.app_context(), writing():
            set_password(find_person("ben"), "another long password", by=made.by())
        return is_right

    monkeypatch.setattr(passwords, "matches", matches)
    answer = made.post_form(made.client(), "/login", username="ben", password=PASSWORD)

    assert answer.status_code == 422
    assert made.rows("SELECT * FROM session") == []


# Sessions


def test_every_sign_in_begins_a_new_session_and_ends_the_old_one(made):
    client = made.sign_in("ben")
    with client.session_transaction() as cookie:
        first, first_csrf = cookie["_user_id"], cookie["csrf_token"] if "csrf_token" in cookie else None
    token = csrf_of(client.get("/"))
    client.post("/login", data={"csrf_token": token, "username": "ben", "password": PASSWORD})
    with client.session_transaction() as cookie:
        second = cookie["_user_id"]

    assert first != second
    assert first_csrf is None or first_csrf != token
    ended = {row["id"]: row["ended_at"] for row in made.rows("SELECT id, ended_at FROM session")}
    assert ended[first] is not None and ended[second] is None


def test_signing_in_as_somebody_else_ends_the_session_of_this_browser_and_the_log_says_so(made):
    """ASVS 7.6.2: one browser is never two people, and nobody is switched without a trace."""
    client = made.signed_in("ada")
    stolen, form = cookie_of(client).value, csrf_of(client.get("/account"))

    data = {"csrf_token": form, "username": "ben", "password": PASSWORD}
    assert client.post("/login", data=data).status_code == 303

    people = {row["username"]: row["id"] for row in made.rows("SELECT id, username FROM person")}
    row = made.log("person.signed_out")[0]
    assert (row["person"], row["actor"]) == (people["ada"], people["ada"])
    assert json.loads(row["detail"]) == {"replaced_by": people["ben"]}
    thief = made.client()
    thief.set_cookie("mintmark", stolen)
    assert thief.get("/account").status_code == 303
    assert client.post("/account", data={"csrf_token": form}).status_code == 400
    assert "<bdi>ben</bdi>" in client.get("/account").text


def test_a_session_that_could_not_be_kept_leaves_the_one_before_as_it_was(made, monkeypatch):
    client = made.signed_in("ada")
    token, before = csrf_of(client.get("/account")), cookie_of(client).value

    @contextmanager
    def full():
        with writing():
            yield
            raise Busy("The database is full.")

    def sign_in():
        return client.post("/login", data={"csrf_token": token, "username": "ben", "password": PASSWORD})

    monkeypatch.setattr(proof, "writing", full)
    monkeypatch.setattr("mintmark.web.signin.count_attempt", lambda *_: None)
    assert sign_in().status_code == 503
    assert cookie_of(client).value == before
    assert client.get("/admin").status_code == 200
    assert made.log("person.signed_out") == []


def test_a_session_id_that_was_planted_before_is_not_taken_over(made):
    client = made.client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = "f" * 64
    made.sign_in("ben", client=client)
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != "f" * 64


def test_signing_out_ends_the_session_on_the_server(made):
    make_asset(made, "a")
    client = made.sign_in("ben")
    stolen = cookie_of(client).value

    answer = made.post_form(client, "/logout", page="/")

    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    thief = made.client()
    thief.set_cookie("mintmark", stolen)
    assert thief.get("/a").status_code == 403
    assert thief.get("/").status_code == 303
    assert len(made.log("person.signed_out")) == 1


def test_switching_off_a_change_of_administrator_and_a_new_password_end_all_sessions(made, password_hash):
    changes = [
        lambda person: revise(person, {"is_admin": True}, by=made.by()),
        lambda person: revise(person, {"is_admin": False}, by=made.by()),
        lambda person: set_password(person, "another long password", by=made.by()),
        lambda person: revise(person, {"live": False}, by=made.by()),
    ]
    for change in changes:
        client = made.signed_in("ben")
        assert client.get("/").status_code == 200
        with made.app.app_context(), writing():
            change(find_person("ben"))
        assert client.get("/").status_code == 303


def test_pages_keep_a_session_alive_and_write_that_down_once_a_minute(made):
    client = made.signed_in("ben")
    for _ in range(5):
        made.clock.advance(3000)
        assert client.get("/").status_code == 200
        assert client.get("/").status_code == 200
    assert made.rows("SELECT last_used_at FROM session")[0]["last_used_at"] == int(made.clock.now)


def test_fetching_tokens_keeps_a_session_alive_too(made):
    make_asset(made, "a")
    client = made.signed_in("ben")
    for _ in range(5):
        made.clock.advance(3000)
        assert client.get("/a").status_code == 200


def test_a_session_that_a_wrong_clock_began_in_the_future_is_none(made):
    make_asset(made, "a")
    made.clock.advance(86400)
    client = made.signed_in("ben")
    made.clock.advance(-86400)

    assert client.get("/a").status_code == 403
    assert client.get("/").status_code == 303


def test_a_page_that_only_reads_is_shown_where_nothing_can_be_written(made, monkeypatch):
    import app as front_door

    client = made.signed_in("ben")
    made.clock.advance(120)

    @contextmanager
    def busy():
        raise Busy("no")
        yield

    monkeypatch.setattr(front_door, "writing", busy)
    assert client.get("/").status_code == 200


def test_a_cookie_of_another_site_is_nobody(made, make_house):
    other = make_house(SEALING_KEY="other:" + "A" * 43 + "=")
    client = other.client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = made.rows("SELECT 1 AS one")[0]["one"]
    forged = cookie_of(client).value
    client = made.client()
    client.set_cookie("mintmark", forged)

    assert client.get("/").status_code == 303


# Forms


@pytest.mark.parametrize("path", ["/login", "/logout", "/setup"])
@pytest.mark.parametrize(
    ("token", "headers"),
    [(None, {}), ("", {}), ("x" * 43, {}), ("good", {"Origin": "https://evil.test"}), ("good", {"Sec-Fetch-Site": "cross-site"}),
     ("good", {"Sec-Fetch-Site": "same-site"}), ("good", {"Origin": "null"}), ("good", {"Referer": "https://evil.test/x"})],
)  # fmt: skip
def test_a_form_that_is_not_ours_changes_nothing(made, path, token, headers):
    client = made.client()
    good = csrf_of(client.get("/login"))
    data = {"username": "ben", "password": PASSWORD} | (
        {} if token is None else {"csrf_token": good if token == "good" else token}
    )

    answer = client.post(path, data=data, headers=headers)

    assert answer.status_code == 400
    assert made.log("person.signed_in") == [] and made.rows("SELECT * FROM attempt") == []


def test_a_form_of_another_browser_is_refused(made):
    token = csrf_of(made.client().get("/login"))
    client = made.client()
    client.get("/login")

    assert client.post("/login", data={"csrf_token": token, "username": "ben", "password": PASSWORD}).status_code == 400


def test_bodies_that_are_too_long_or_without_length_are_refused(made):
    client = made.client()
    token = csrf_of(client.get("/login"))
    large = client.post("/login", data={"csrf_token": token, "username": "u", "password": "p" * 70_000})
    chunked = client.post(
        "/login", environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    )

    assert (large.status_code, chunked.status_code) == (413, 411)


# Where to go afterwards

HOSTILE_NEXT = [
    "//evil.test", "////evil.test", "https://evil.test", "https:evil.test", "/\\evil.test", "\\\\evil.test", "/%2f/evil.test",
    "http:///evil.test", "javascript:alert(1)", "/login", "/logout", "/static/mark.svg", "evil.test", "@evil.test", "/ /evil.test",
    "/\t/evil.test", "\x00", "/..//evil.test", "//", "///", "https://localhost@evil.test/", "/setup?code=x", "/nowhere/../x", "?a", "#a",
    "/setup/password?code=x", "/admin/nowhere", "/admin/", "/account/nowhere",
]  # fmt: skip


def test_next_never_leads_away(sqlite_house):
    with sqlite_house.app.test_request_context("/login"):
        assert {wanted: next_page(wanted) for wanted in HOSTILE_NEXT} == dict.fromkeys(HOSTILE_NEXT, "/")
    with sqlite_house.app.test_request_context("/login", environ_overrides={"SCRIPT_NAME": "/tokens"}):
        hostile = [*HOSTILE_NEXT, *("/tokens" + wanted for wanted in HOSTILE_NEXT if wanted[0] in "/\\")]
        assert {next_page(wanted) for wanted in hostile} == {"/tokens/"}


@pytest.mark.parametrize("wanted", HOSTILE_NEXT[:4])
def test_the_form_holds_next_to_that(made, wanted):
    answer = made.post_form(made.client(), "/login", username="ben", password=PASSWORD, next=wanted)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(wanted=st.text(alphabet="/\\:@.?#%abevil\t\n ;=&", max_size=30))
def test_next_is_one_of_our_pages_whatever_is_wanted(sqlite_house, wanted):
    with sqlite_house.app.test_request_context("/login"):
        assert re.fullmatch(r"/([a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*)?(\?after=[^/&]*)?", next_page(wanted))


@pytest.mark.parametrize(
    ("wanted", "location"),
    [("/?after=a%2Fb&evil=1", "/?after=a/b"), ("/integrations/helpdesk?x=1", "/integrations/helpdesk")],
)
def test_next_is_rebuilt_from_its_parts(made, wanted, location):
    answer = made.post_form(made.client(), "/login", username="ben", password=PASSWORD, next=wanted)

    assert answer.headers["Location"] == location


def test_links_and_redirects_follow_the_path_of_the_base_url(make_house):
    house = make_house(BASE_URL="https://www.uni.test/tokens")
    make_person(house, "ben")
    make_asset(house, "a/b")
    client = house.client()
    base = "https://www.uni.test"

    page = client.get("/tokens/login", base_url=base)
    assert 'action="/tokens/login"' in page.text and 'href="/tokens/static/' in page.text
    data = {"csrf_token": csrf_of(page), "username": "ben", "password": PASSWORD, "next": "/tokens/"}
    answer = client.post("/tokens/login", data=data, base_url=base, headers={"Origin": base})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tokens/")
    assert client.get("/tokens/a/b", base_url=base).status_code == 200
    assert 'fetch("/tokens/a/b"' in client.get("/tokens/", base_url=base).text.replace("&#34;", '"').replace(
        "&quot;", '"'
    )
    assert client.get("/tokens", base_url=base).status_code == 200


def test_a_stranger_is_sent_to_sign_in_and_comes_back(made):
    answer = made.client().get("/?after=a")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


# Passwords


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 11, "benbenbenben", "abcabcabcabc", "a" * 40, "LongUserName", "p" * 1025, "line\nbreak-in-it"],
)
def test_weak_passwords_are_refused_with_words(password):
    with pytest.raises(FieldError):
        passwords.read_password(password, username="longusername")


def test_long_passwords_are_not_cut():
    long = "correct horse " * 70 + "a"
    hashed = passwords.hash_password(long)

    assert passwords.matches(hashed, long)
    assert not passwords.matches(hashed, long[:-1] + "b")
