"""`GET /<path>`: every row of the table of answers, in the order in which they are decided."""

import base64
import json
import threading

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark.models import db, writing
from mintmark.people import find_person, revise
from mintmark.throttle import Fuse
from mintmark.web import token as token_endpoint
from tests.conftest import SECRET, START
from tests.making import MATRIX, change_asset, make_asset, make_group, make_person

PATH = "integrations/helpdesk"
URL = "/" + PATH
LISTED = "https://app.example.test"


@pytest.fixture
def made(house):
    """A house with ada, ben, mallory and one asset for everyone."""
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", first_name="Ben", last_name="Bright")
    make_person(house, "mallory", live=False)
    make_asset(house, PATH, MATRIX)
    return house


@pytest.fixture
def ben(made):
    return made.signed_in("ben")


def claims_of(token, secret=SECRET, algorithm="HS256"):
    """Verify as a relying party does, with another library."""
    return jwt.decode(token, OctKey.import_key(secret), algorithms=[algorithm]).claims


def assert_empty(answer, status):
    assert answer.status_code == status
    assert answer.data == b""
    assert "Content-Type" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Cookie, Authorization, Origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Mintmark-Request"]


# 200


def test_a_signed_in_person_receives_a_fresh_token_that_another_library_accepts(ben, made):
    answer = ben.get(URL)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/jwt"
    assert not answer.text.endswith("\n")
    claims = claims_of(answer.text)
    assert len(base64.urlsafe_b64decode(claims.pop("jti") + "==")) == 16
    assert claims == {
        "sub": "ben",
        "given_name": "Ben",
        "family_name": "Bright",
        "admin": False,
        "iat": int(START),
        "exp": int(START) + 600,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Cookie, Authorization, Origin"
    assert "ETag" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_each_token_has_one_row_and_an_id_of_its_own(ben, made):
    tokens = [ben.get(URL).text for _ in range(3)]

    rows = made.log("token.issued")
    assert [row["jti"] for row in rows] == [claims_of(token)["jti"] for token in tokens]
    assert len({row["jti"] for row in rows}) == 3
    assert {(row["sub"], row["outcome"], row["revision"], row["address"]) for row in rows} == {
        ("ben", "done", 1, "127.0.0.1")
    }
    assert all(token not in str(rows) for token in tokens)


def test_headers_times_and_switches_of_the_asset_are_in_the_token(made):
    secret = "s" * 64
    make_asset(
        made,
        "full",
        '{"sub": {{ user.id }}}',
        secret=secret,
        algorithm="HS512",
        headers={"kid": "my-key", "typ": "at+jwt"},
        lifetime=60,
        backdate=30,
        claims={"nbf": True, "jti": False},
    )
    token = made.signed_in("ben").get("/full").text

    header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert header == {"alg": "HS512", "typ": "at+jwt", "kid": "my-key"}
    claims = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS512"]).claims
    assert claims.keys() == {"sub", "iat", "nbf", "exp"}
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (START - 30, START - 30, START + 30)
    assert made.log("token.issued")[-1]["kid"] == "my-key"


def test_a_lifetime_of_null_gives_no_exp(made):
    make_asset(made, "for-ever", lifetime=None)

    assert "exp" not in claims_of(made.signed_in("ben").get("/for-ever").text)


def test_an_answer_in_json_has_the_token_under_the_chosen_name_beside_fixed_fields(made):
    make_asset(made, "json", answer={"form": "json", "field": "jwt", "beside": {"server": "wss://x.test"}})
    client = made.signed_in("ben")

    for answer in (client.get("/json"), client.post("/json", json={})):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json["server"] == "wss://x.test"
        assert claims_of(answer.json["jwt"])["sub"] == "ben"


def test_accept_decides_nothing(ben):
    answer = ben.get(URL, headers={"Accept": "application/json, text/plain"})

    assert answer.headers["Content-Type"] == "application/jwt"


def test_can_edit_is_true_for_editors_and_administrators(made):
    make_group(made, "desk")
    make_person(made, "eve", groups=["desk"])
    make_asset(made, "edited", '{"admin": {{ asset.can_edit }}}', editors=["desk"])

    assert claims_of(made.signed_in("eve").get("/edited").text)["admin"] is True
    assert claims_of(made.signed_in("ada").get("/edited").text)["admin"] is True
    assert claims_of(made.signed_in("ben").get("/edited").text)["admin"] is False


def test_a_save_and_a_change_of_the_person_show_in_the_next_token(ben, made):
    assert claims_of(ben.get(URL).text)["given_name"] == "Ben"
    change_asset(made, PATH, template='{"v": 2, "name": "{{ user.display_name }}"}')
    with made.app.app_context(), writing():
        revise(find_person("ben"), {"last_name": "Brighter"}, by=made.by())

    claims = claims_of(ben.get(URL).text)

    assert (claims["v"], claims["name"]) == (2, "Ben Brighter")
    assert made.log("token.issued")[-1]["revision"] == 2


def test_the_log_says_in_words_who_may_fetch_for_how_long_and_that_a_secret_is_weak(made):
    staff = make_group(made, "staff")
    make_asset(made, "logged", readers=["staff"], lifetime=None, secret="12345678", weak=True)
    change_asset(made, "logged", readers="everyone", editors=[staff], name="Another name")

    created, revised = (json.loads(made.log(event)[-1]["detail"]) for event in ("asset.created", "asset.revised"))
    assert created == {"path": "logged", "readers": ["staff"], "editors": [], "lifetime": None, "weak_secret": True}
    assert revised == {
        "path": "logged",
        "fields": ["name", "readers", "editors"],
        "readers": "everyone",
        "editors": ["staff"],
    }


# 400


BAD_QUERIES = [
    "room=a&room=b",
    "room=",
    "room=c",
    "room=a%20b",
    "room=%00",
    "room=" + "a" * 201,
    "room=%ff",
    "room=a%0a",
]


def test_a_declared_parameter_that_is_malformed_or_given_twice_is_400(made, subtests):
    make_asset(made, "param", '{"room": "{{ params.room }}"}', params=[{"name": "room", "one_of": ["a", "b"]}])
    client = made.signed_in("ben")
    for query in BAD_QUERIES:
        with subtests.test(query=query):
            assert_empty(client.get("/param?" + query), 400)
            assert client.get("/param?room=b&unknown=" + "x" * 300).status_code == 200


BAD_BODIES = [
    ("", "application/json"),
    ("[]", "application/json"),
    ('"text"', "application/json"),
    ('{"a": 1, "a": 2}', "application/json"),
    ("{", "application/json"),
    ("[" * 5000, "application/json"),
    ("\xff{}", "application/json"),
    ("\xef\xbb\xbf{}", "application/json"),
    ('{"x": NaN}', "application/json"),
    ("{\x00}\x00", "application/json; charset=utf-16"),
    ("{}", "text/plain"),
    ("room=a", "application/x-www-form-urlencoded"),
    ('{"room": 5}', "application/json"),
    ('{"room": ["a"]}', "application/json"),
    ('{"x": "' + "a" * 70_000 + '"}', "application/json"),
]


def test_a_bad_body_is_400(made, subtests):
    make_asset(made, "post", "{}", params=[{"name": "room"}], answer={"form": "json"})
    for body, content_type in BAD_BODIES:
        with subtests.test(body=body, content_type=content_type):
            assert_empty(
                made.signed_in("ben").post("/post", data=body.encode("latin-1"), content_type=content_type), 400
            )


def test_a_body_without_its_length_is_400(made):
    make_asset(made, "post", "{}", answer={"form": "json"})
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    assert_empty(made.signed_in("ben").post("/post", content_type="application/json", environ_overrides=environ), 400)


def test_a_parameter_in_the_body_reaches_the_claims_and_one_given_twice_is_400(made):
    make_asset(made, "post", '{"room": "{{ params.room }}"}', params=[{"name": "room"}], answer={"form": "json"})
    client = made.signed_in("ben")

    assert claims_of(client.post("/post", json={"room": "a", "other": 5}).json["token"])["room"] == "a"
    assert_empty(client.post("/post?room=a", json={"room": "a"}), 400)


OTHER_HOSTS = ["evil.test", "127.0.0.1.evil.test", "", "evil.test:8000", "[::2]:8000"]


def test_another_host_is_400_before_anything_else(made, subtests):
    for host in OTHER_HOSTS:
        with subtests.test(host=host):
            answer = made.signed_in("ben").get(URL, headers={"Host": host})

            assert answer.status_code == 400
            assert answer.data == b""


# 403


def test_a_stranger_is_403_sign_in_and_never_sent_to_a_form(made):
    answer = made.client().get(URL)

    assert_empty(answer, 403)
    assert answer.headers["Mintmark-Reason"] == "sign-in"
    assert made.log("token.refused") == []


def test_who_is_switched_off_is_403_at_once(ben, made):
    with made.app.app_context(), writing():
        revise(find_person("ben"), {"live": False}, by=made.by())

    answer = ben.get(URL)

    assert_empty(answer, 403)
    assert answer.headers["Mintmark-Reason"] == "sign-in"


def test_a_session_ends_after_its_idle_and_its_absolute_limit(made):
    idle, busy = made.signed_in("ben"), made.signed_in("ben")
    for _ in range(12):
        made.clock.advance(3599)
        assert busy.get(URL).status_code == (200 if made.clock.now - START < 43200 else 403)

    assert idle.get(URL).status_code == 403
    made.clock.advance(3599)
    assert busy.get(URL).status_code == 403


def test_who_is_not_a_reader_is_403_and_a_row_once_a_minute(made):
    make_group(made, "staff")
    make_asset(made, "staff-only", readers=["staff"])
    make_person(made, "sue", groups=["staff"])
    client = made.signed_in("ben")

    for _ in range(3):
        answer = client.get("/staff-only")
        assert_empty(answer, 403)
        assert answer.headers["Mintmark-Reason"] == "not-a-reader"
    assert len(made.log("token.refused")) == 1
    assert made.log("token.refused")[0]["code"] == "not_a_reader"
    made.clock.advance(61)
    client.get("/staff-only")
    assert len(made.log("token.refused")) == 2

    assert made.signed_in("sue").get("/staff-only").status_code == 200
    assert made.signed_in("ada").get("/staff-only").status_code == 200


def test_with_an_authorization_header_the_session_is_not_looked_at(ben):
    answer = ben.get(URL, headers={"Authorization": "Bearer mm_unknown"})

    assert_empty(answer, 403)
    assert answer.headers["Mintmark-Reason"] == "sign-in"


OURS = "http://localhost"
CROSS = {"Sec-Fetch-Site": "cross-site"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


FOREIGN = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": LISTED + ".evil.test"},
    {"Origin": LISTED.upper()},
    {"Origin": LISTED + "/"},
    {"Origin": "https://localhost"},
    {**CROSS, "Sec-Fetch-Mode": "no-cors"},
    {**CROSS, "Sec-Fetch-Mode": "cors", "Origin": "https://evil.test"},
    {**CROSS, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {**CROSS, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    {"Referer": "https://evil.test/page"},
    {"Referer": "nonsense"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch"},
]


def test_a_page_of_another_origin_is_403_origin(made, subtests):
    make_asset(made, "cors", origins=[LISTED])
    for headers in FOREIGN:
        with subtests.test(headers=headers):
            answer = made.signed_in("ben").get("/cors", headers=headers)

            assert_empty(answer, 403)
            assert answer.headers["Mintmark-Reason"] == "origin"
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert made.log("token.issued") == []


FRIENDLY = [
    {},
    {"Origin": OURS},
    {"Referer": OURS + "/page"},
    {"Sec-Fetch-Site": "none", **NAVIGATION},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    {**CROSS, **NAVIGATION, "Referer": "https://evil.test/"},
]


def test_our_own_pages_programs_and_navigations_get_a_token(ben, subtests):
    for headers in FRIENDLY:
        with subtests.test(headers=headers):
            assert ben.get(URL, headers=headers).status_code == 200


def test_a_post_navigation_from_another_site_gets_none(made):
    make_asset(made, "post", "{}", answer={"form": "json"})

    answer = made.signed_in("ben").post(
        "/post", json={}, headers={**CROSS, **NAVIGATION, "Origin": "https://evil.test"}
    )

    assert_empty(answer, 403)


def test_to_a_listed_origin_every_status_carries_the_cors_headers(made):
    make_asset(made, "cors", '{"a": "{{ params.p }}"}', origins=[LISTED], params=[{"name": "p"}])
    client = made.signed_in("ben")
    listed = {"Origin": LISTED, **CROSS, "Sec-Fetch-Mode": "cors"}
    answers = {
        200: client.get("/cors?p=1", headers=listed),
        400: client.get("/cors?p=", headers=listed),
        403: made.client().get("/cors", headers=listed),
        405: client.delete("/cors", headers=listed),
        500: client.get("/cors", headers=listed),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Expose-Headers"] == "Mintmark-Request, Mintmark-Reason, Retry-After"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


# 204


def preflight(client, path, origin=LISTED, method="GET"):
    return client.options(path, headers={"Origin": origin, "Access-Control-Request-Method": method})


def test_a_preflight_of_a_listed_origin_for_a_method_of_the_asset_is_204(made):
    make_asset(made, "cors", origins=[LISTED], answer={"form": "json"})

    answer = preflight(made.client(), "/cors", method="POST")

    assert_empty(answer, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


def test_other_preflights_are_refused(made):
    make_asset(made, "cors", origins=[LISTED])

    assert_empty(preflight(made.client(), "/cors", origin="https://evil.test"), 403)
    assert_empty(preflight(made.client(), "/cors", method="POST"), 405)
    assert_empty(made.client().options("/cors"), 405)
    assert_empty(preflight(made.client(), URL), 403)


# 404


OTHER_SPELLINGS = [
    "/nothing/here",
    URL + "/",
    URL.replace("/h", "//h"),
    URL.upper(),
    URL + ";a=b",
    URL + "/x",
    URL + ".txt",
    URL + "%20",
    URL + "%00",
    "/.well-known/" + PATH,
    "/%2e/" + PATH,
    "/integrations",
    "/" + "a" * 256,
    "/ïntegrations/helpdesk",
    "/adminanything/",
]


def test_one_spelling_serves_and_everything_else_is_404(ben, subtests):
    for path in OTHER_SPELLINGS:
        with subtests.test(path=path):
            assert_empty(ben.get(path), 404)


@pytest.mark.parametrize("path", ["/" + URL, "///" + PATH, "//integrations//helpdesk"])
def test_a_doubled_slash_at_the_beginning_is_404_and_redirects_nowhere(ben, path):
    assert_empty(ben.get(URL, environ_overrides={"PATH_INFO": path}), 404)


def test_an_encoded_slash_is_the_same_path_where_the_server_decodes_before_us(ben):
    assert ben.get("/integrations%2Fhelpdesk").status_code == 200


def test_an_asset_that_is_switched_off_is_404_for_everybody(made):
    change_asset(made, PATH, live=False)

    assert_empty(made.signed_in("ada").get(URL), 404)
    assert_empty(made.client().post(URL), 404)


# 405


OTHER_METHODS = ["get", "gEt", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "FOO"]


def test_any_other_method_is_405_and_issues_nothing(ben, made, subtests):
    for method in OTHER_METHODS:
        with subtests.test(method=method):
            answer = ben.open(URL, method=method)

            assert_empty(answer, 405)
            assert answer.headers["Allow"] == "GET"
            assert made.log("token.issued") == []


def test_allow_names_what_the_asset_answers(made):
    make_asset(made, "json", answer={"form": "json", "methods": ["POST"]}, origins=[LISTED])

    assert made.signed_in("ben").get("/json").headers["Allow"] == "OPTIONS, POST"


# 429


def test_over_the_limit_is_429_with_retry_after(make_house):
    house = make_house(LIMIT_TOKENS="2 per minute")
    make_person(house, "ben")
    make_asset(house, PATH)
    make_asset(house, "other")
    client = house.signed_in("ben")

    assert [client.get(URL).status_code for _ in range(2)] == [200, 200]
    answer = client.get(URL)

    assert_empty(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 121
    assert client.get("/other").status_code == 200
    assert house.log("token.refused")[0]["code"] == "limit_reached"


# 500


def test_a_template_that_fails_for_this_person_is_an_empty_500_whose_id_leads_to_the_diagnosis(made):
    make_asset(made, "fails", '{\n  "sub": "{{ user.username }}",\n  "mail": "{{ user.email }}"\n}')

    answer = made.signed_in("ben").get("/fails")

    assert_empty(answer, 500)
    row = made.rows("SELECT * FROM log WHERE request = :id", id=answer.headers["Mintmark-Request"])[0]
    assert (row["event"], row["outcome"], row["code"], row["revision"]) == (
        "token.failed",
        "failed",
        "template_failed",
        1,
    )
    assert row["person"] == made.rows("SELECT id FROM person WHERE username = 'ben'")[0]["id"]
    detail = json.loads(row["detail"])
    assert (detail["path"], detail["line"], detail["name"]) == ("fails", 3, "user.email")
    assert "default" in detail["hint"]


def test_a_token_that_is_too_large_is_500(made):
    make_person(made, "long", last_name="ä" * 255)
    template = '{"a": "' + "{{ user.last_name }}" * 14 + '"}'
    make_asset(made, "large", template)

    assert_empty(made.signed_in("long").get("/large"), 500)
    assert made.log("token.failed")[0]["code"] == "token_too_large"


def test_a_secret_that_was_moved_from_another_asset_does_not_open_and_is_500(ben, made):
    make_asset(made, "other", secret="another-secret-of-thirty-two-bytes-or-more")
    sql = "UPDATE secret SET sealed = (SELECT s.sealed FROM secret s JOIN asset a ON a.id = s.asset_id WHERE a.path = 'other')"
    with made.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(sql)

    assert_empty(ben.get(URL), 500)
    assert made.log("token.failed")[0]["code"] == "key_unusable"
    assert ben.get("/other").status_code == 200


# 503


def test_no_token_leaves_where_its_row_cannot_be_committed(ben, made):
    with made.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE log RENAME TO log_gone")

    assert_empty(ben.get(URL), 503)

    with made.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE log_gone RENAME TO log")
    assert ben.get(URL).status_code == 200
    assert len(made.log("token.issued")) == 1


def test_a_row_that_the_database_refuses_fails_nobody_elses(made):
    make_asset(made, "bad")
    client, statuses = made.signed_in("ben"), {"a": [], "bad": []}
    write = made.mint.wire._insert_all

    def insert_all(cursor, rows):
        if any(row["detail"] == '{"path":"bad"}' for row in rows):
            rows = [{**row, "event": None} for row in rows]
        write(cursor, rows)

    made.mint.wire._insert_all = insert_all

    def fetch(path):
        for _ in range(20):
            statuses[path].append(client_for(made, client).get("/" + (PATH if path == "a" else path)).status_code)

    threads = [threading.Thread(target=fetch, args=(path,)) for path in ("a", "bad", "a", "bad")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses["a"]) == {200} and set(statuses["bad"]) == {503}
    assert len(made.log("token.issued")) == len(statuses["a"])


def client_for(house, client):
    """Return another client with the same cookie, for threads."""
    other = house.client()
    other.set_cookie("mintmark", client.get_cookie("mintmark").value)
    return other


def test_a_nul_that_a_template_writes_into_sub_is_issued_and_logged_escaped(made):
    make_asset(made, "nul", r'{"sub": "a\u0000{{ user.username }}"}')

    token = made.signed_in("ben").get("/nul").text

    assert claims_of(token)["sub"] == "a\x00ben"
    assert made.log("token.issued")[0]["sub"] == r"a\u0000ben"


def test_a_bug_is_an_empty_500_that_a_listed_origin_may_read(made, monkeypatch, capfd):
    make_asset(made, "cors", origins=[LISTED])
    client = made.signed_in("ben")
    monkeypatch.setattr(token_endpoint, "see_that_may_fetch", lambda *_: 1 / 0)

    answer = client.get("/cors", headers={"Origin": LISTED})

    assert_empty(answer, 500)
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert '"kind":"ZeroDivisionError"' in capfd.readouterr().out


# order


def test_the_answers_are_decided_in_their_order(make_house):
    house = make_house(LIMIT_TOKENS="1 per minute")
    make_person(house, "ben")
    make_group(house, "staff")
    make_asset(
        house,
        "a",
        '{"x": {{ params.p }}, "y": "{{ user.email }}"}',
        params=[{"name": "p"}],
        readers=["staff"],
    )
    stranger, ben, cross = house.client(), house.signed_in("ben"), {"Origin": "https://evil.test"}

    assert stranger.put("/none", headers={**cross, "Host": "evil.test"}).status_code == 400
    assert stranger.put("/none", headers=cross).status_code == 404
    assert stranger.put("/a", headers=cross).status_code == 405
    assert stranger.get("/a", headers=cross).headers["Mintmark-Reason"] == "origin"
    assert stranger.get("/a").headers["Mintmark-Reason"] == "sign-in"
    assert ben.get("/a?p=").headers["Mintmark-Reason"] == "not-a-reader"
    change_asset(house, "a", readers="everyone")
    assert ben.get("/a?p=").status_code == 400
    assert ben.get("/a?p=").status_code == 429
    house.mint.fuse = Fuse(None)
    assert ben.get("/a?p=1").status_code == 500
