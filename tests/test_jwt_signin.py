"""`/auth/jwt` for programs: three ways for one token, one verifier, the same answers, and who may ask from where."""

import json
import re

import pytest

from mintmark.errors import Busy
from mintmark.issuers import saving
from mintmark.models import writing
from tests.arrivals import HTML, ISSUER, WAYS, by_header, by_query, post, refusal, token, who
from tests.conftest import SECRET, csrf_of
from tests.making import key_pair, make_asset, make_identity, make_issuer, make_key, make_person

BAD_REQUEST = (400, "Invalid token", "bad_request")
INVALID = (401, "Invalid token", "invalid_token")
APP, OTHER, EVIL = "https://app.example.test", "https://other.example.test", "https://evil.test"
CORS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers")


@pytest.fixture
def site(sqlite_house):
    """A site that trusts two issuers; the portal knows ben."""
    return furnish(sqlite_house)


def furnish(house):
    house.ben = make_person(house, "ben", email="ben@example.test", first_name="Ben", last_name="Bos")
    house.portal = make_issuer(house, return_to=[APP])
    make_issuer(house, "https://else.test", name="else", return_to=[OTHER], one_time=False)
    make_identity(house, house.portal, "ben", "ben")
    return house


def spent(house):
    return [row["jti"] for row in house.rows("SELECT jti FROM spent_token ORDER BY spent_at, jti")]


# The answer


def test_a_good_token_signs_in_by_each_way(house):
    furnish(house)
    for number, way in enumerate(WAYS, 1):
        client = house.client()

        answer = way(client, token(house, jti=f"one-{number}"))

        assert answer.status_code == 200 and answer.mimetype == "application/json"
        user = {"id": house.ben, "username": "ben", "email": "ben@example.test", "display_name": "Ben Bos"}
        assert json.loads(answer.text) == {"user": user, "return_to": "/"}
        assert re.match(r"mintmark=[^;]+; HttpOnly; Path=/; SameSite=Lax$", answer.headers["Set-Cookie"])
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
        [session] = house.rows("SELECT * FROM session WHERE id = :id", id=who(client))
        assert session["source_id"] == house.portal
        row = house.log("person.signed_in")[-1]
        assert (row["person"], row["issuer"], row["sub"], row["jti"]) == (house.ben, ISSUER, "ben", f"one-{number}")
        assert row["request"] == answer.headers["Mintmark-Request"]
        assert len(house.log("person.signed_in")) == len(spent(house)) == number


def test_once_by_whatever_way_is_once(site):
    for first in WAYS:
        sent = token(site)
        assert first(site.client(), sent).status_code == 200
        for again in WAYS:
            client = site.client()
            assert refusal(again(client, sent)) == (401, "Token has already been used", "token_used")
            assert who(client) is None


def test_without_one_time_use_a_token_is_good_for_its_life_but_what_came_in_an_address_is_not(site):
    issuer = next(row["id"] for row in site.rows("SELECT id FROM trusted_issuer WHERE name = 'else'"))
    make_identity(site, issuer, "ben", "ben")

    kept = token(site, iss="https://else.test")
    assert [way(site.client(), kept).status_code for way in (post, by_header, post)] == [200, 200, 200]
    assert by_query(site.client(), kept).status_code == 200
    assert [refusal(way(site.client(), kept))[2] for way in WAYS] == ["token_used"] * 3
    without = token(site, iss="https://else.test", without=("jti",))
    assert [way(site.client(), without).status_code for way in WAYS] == [200, 200, 401]


def test_the_session_lasts_as_long_as_the_issuer_says(site):
    make_issuer(site, "https://short.test", name="short", session_lifetime=600, create_people=True)
    client = site.client()
    post(client, token(site, "new", iss="https://short.test"))

    site.clock.advance(590)
    assert who(client)
    site.clock.advance(20)
    assert who(client) is None


def test_each_sign_in_begins_a_new_session_and_ends_that_of_the_browser(site):
    make_person(site, "eva")
    client = site.signed_in("eva")
    stolen, before = client.get_cookie("mintmark").value, who(client)

    post(client, token(site))

    assert who(client) not in (None, before)
    thief = site.client()
    thief.set_cookie("mintmark", stolen)
    assert thief.get("/account").status_code == 303
    [row] = site.log("person.signed_out")
    assert json.loads(row["detail"]) == {"replaced_by": site.ben}
    assert by_header(client, token(site)).status_code == 200 and len(site.log("person.signed_out")) == 1


# Refusals


def test_each_refusal_is_a_row_of_the_table_and_nothing_finer(site):
    now = int(site.clock())
    rows = {
        BAD_REQUEST: [{"token": 7}, {"token": None}, {"token": ""}, {"token": ["x"]}, {}, {"token": "x" * 16_385}],
        INVALID: ["x", "a.b.c", token(site, key="another-secret-of-the-help-desk-0123456789"), token(site, sub="nobody")],
        (401, "Token expired", "token_expired"): [token(site, iat=now - 400, exp=now - 60)],
        (401, "Configuration not found", "unknown_issuer"): [
            token(site, iss="https://unknown.test"), token(site, without=("iss",)), token(site, iss=""), token(site, iss=ISSUER + "/"),
        ],
        (401, "Required claims validation failed", "claims_invalid"): [
            token(site, aud="another"), token(site, without=("jti",)), token(site, exp=now + 4000), token(site, without=("iat",)),
        ],
    }  # fmt: skip
    for expected, tokens in rows.items():
        for each in tokens:
            answer = site.client().post("/auth/jwt", json=each if isinstance(each, dict) else {"token": each})
            assert refusal(answer) == expected, each
            assert answer.headers.get("WWW-Authenticate") == ("Bearer" if expected[0] == 401 else None)
            assert "Set-Cookie" not in answer.headers
    assert spent(site) == [] and site.rows("SELECT * FROM session") == []


def test_what_is_spent_is_kept_a_minute_longer_than_any_node_could_take_it(site):
    now, whole = int(site.clock()), {"exp": 240.0, "later": 240.5}
    for way in WAYS:
        for jti, life in whole.items():
            answer = way(site.client(), token(site, jti=f"{way.__name__}-{jti}", exp=now + life))
            assert answer.status_code == 200, answer.text

    kept = {row["jti"]: row["keep_until_at"] for row in site.rows("SELECT * FROM spent_token")}
    # Its `exp`, to the next whole second; 30 seconds of leeway; a minute.
    expected = {"exp": now + 240 + 30 + 60, "later": now + 241 + 30 + 60}
    assert kept == {f"{way.__name__}-{jti}": until for way in WAYS for jti, until in expected.items()}


def test_what_this_site_signs_with_by_now_signs_nobody_in_here(make_house):
    """A key may begin to sign here after it was trusted, and a site move to an issuer's address (RFC 8725bis §3.12)."""
    house = make_house()
    pair, theirs = key_pair("ES256", 3), "the-secret-of-a-portal-0123456789-0123456789"
    make_issuer(house, secret=theirs, create_people=True)
    make_issuer(house, "https://key.test", name="key", algorithm="ES256", keys=[("k", pair.public)], create_people=True)
    make_issuer(house, "https://tokens.test/", name="moved", create_people=True)

    def sent(iss, number, **how):
        return token(house, f"p{number}", iss=iss, **{"key": theirs, **how})

    key, here = {"key": pair.private, "algorithm": "ES256"}, {"key": SECRET}
    tokens = [(ISSUER, {}), ("https://key.test", key), ("https://tokens.test/", here)]
    for number, (iss, how) in enumerate(tokens):
        assert post(house.client(), sent(iss, number, **how)).status_code == 200, iss

    make_asset(house, "desk", secret=theirs)
    make_key(house, "site-2026", "ES256", number=3)
    moved = make_house(BASE_URL="https://tokens.test")
    for number, (iss, how) in enumerate(tokens):
        for way in WAYS:
            found = way(moved.client(), sent(iss, number, **how), headers={"Host": "tokens.test"})
            assert refusal(found) == (401, "Configuration not found", "unknown_issuer"), (iss, way)
        row = moved.log("person.sign_in_refused")[-1]
        assert (row["issuer"], json.loads(row["detail"])["check"]) == (iss, "ours")
    assert len(house.rows("SELECT * FROM session")) == len(tokens)


def test_a_refused_token_is_not_spent(site):
    late = token(site)
    site.clock.advance(-120)
    assert refusal(post(site.client(), late))[0] == 401
    site.clock.advance(120)

    assert post(site.client(), late).status_code == 200


def test_exactly_one_token(site):
    one, two = token(site), token(site)
    client, bearer = site.client(), {"Authorization": f"Bearer {one}"}
    json_type = {"Content-Type": "application/json"}
    refused = [
        client.get("/auth/jwt"),
        client.get("/auth/jwt?token="),
        client.get("/auth/jwt?Token=" + one),
        client.get(f"/auth/jwt?token={one}&token={two}"),
        client.get(f"/auth/jwt?token={one}&token={one}"),
        client.get(f"/auth/jwt?token={one}", headers=bearer),
        client.get("/auth/jwt", headers={"Authorization": "Bearer"}),
        client.get("/auth/jwt", headers={"Authorization": "Bearer "}),
        client.get("/auth/jwt", headers={"Authorization": f"Basic {one}"}),
        client.get("/auth/jwt", headers={"Authorization": f"Bearer {one}, Bearer {two}"}),
        client.get("/auth/jwt", data=json.dumps({"token": one}), headers=json_type),
        client.get(f"/auth/jwt?token={one}&return_to=/&return_to=/account"),
        client.post("/auth/jwt", headers={**bearer, **json_type}, data="{}"),
        client.post("/auth/jwt", headers=bearer, json={"token": one}),
        client.post(f"/auth/jwt?token={two}", json={"token": one}),
        client.post(f"/auth/jwt?token={one}", json={}),
        client.post(f"/auth/jwt?token={one}"),
    ]
    assert [refusal(answer) for answer in refused] == [BAD_REQUEST] * len(refused)
    assert spent(site) == []

    basic = {"Authorization": "Basic cHJveHk6cHJveHk="}  # A proxy in front asks for one of its own.
    assert client.get(f"/auth/jwt?token={one}", headers=basic).status_code == 200
    assert client.get("/auth/jwt", headers={"Authorization": f"bEARER {two}"}).status_code == 200


def test_a_body_is_one_json_object_said_to_be_one(site):
    good = json.dumps({"token": token(site)})
    client = site.client()
    bodies = [
        (good, "text/plain"), (good, "application/x-www-form-urlencoded"), (good, "application/json-patch+json"), (good, ""),
        (good, "application/json; charset=utf-16"), ("token=x", "application/x-www-form-urlencoded"), ("", "application/json"),
        (good[:-1] + ', "return_to": "/?after=\\ud800"}', "application/json"), (good[:-1] + ', "return_to": "/admin/assets?q=\\uDC00x"}', "application/json"),
        (good[:-1] + ', "\\ud800": 1}', "application/json"), (good[:-1] + ', "a": [{"b": "\\udc00\\ud800"}]}', "application/json"),
        ("[" + good + "]", "application/json"), ('"x"', "application/json"), ("null", "application/json"),
        (good[:-1] + ', "token": "x"}', "application/json"), (good[:-1] + ', "a": NaN}', "application/json"),
        ("\ufeff" + good, "application/json"), (good.encode("utf-16"), "application/json"), (good + "{}", "application/json"),
        ('{"token": "\\ud800"}', "application/json"), ("[" * 30_000, "application/json"), ('{"a":' * 10_000, "application/json"),
        (good[:-1] + ', "a": ' + "9" * 5000 + "}", "application/json"), (b'{"token": "\xff"}', "application/json"),
        (good + " " * 70_000, "application/json"),
    ]  # fmt: skip
    for body, kind in bodies:
        answer = client.post("/auth/jwt", data=body, content_type=kind)
        assert answer.status_code in (400, 401) and refusal(answer)[1] == "Invalid token", (body[:80], kind)
    assert spent(site) == []

    assert client.post("/auth/jwt", data=good, content_type="application/json;charset=UTF-8").status_code == 200
    assert post(client, token(site), note="what else stands there", jti=[1]).status_code == 200
    whole = json.dumps({"token": token(site), "note": "🦊", "return_to": "/admin/assets?q=🦊"})
    assert client.post("/auth/jwt", data=whole, content_type="application/json").status_code == 200


def test_other_methods_sign_nobody_in(site):
    for method in ("HEAD", "PUT", "PATCH", "DELETE", "TRACE", "get"):
        answer = site.client().open("/auth/jwt", method=method, query_string={"token": token(site)})
        assert (answer.status_code, answer.headers.get("Allow"), answer.data) == (405, "GET, OPTIONS, POST", b""), (
            method
        )
    for path in ("/auth/jwt/", "/auth", "/auth/jwt/x", "/AUTH/JWT"):
        assert site.client().get(path, query_string={"token": token(site)}).status_code == 404
    assert spent(site) == []


def test_what_is_refused_is_told_in_the_log_alone_and_never_holds_the_token(site, capfd):
    sent = token(site, aud="CANARY-audience<script>")
    answer = by_header(site.client(), sent)

    [row] = site.log("person.sign_in_refused")
    assert (row["outcome"], row["code"], row["issuer"], row["person"]) == ("refused", "claims_invalid", ISSUER, None)
    assert row["request"] == answer.headers["Mintmark-Request"] and row["address"] == "127.0.0.1"
    detail = json.loads(row["detail"])
    assert (detail["check"], detail["transport"]) == ("aud", "header") and "mintmark" in detail["words"]
    assert "CANARY" not in answer.text
    everything = json.dumps(site.log()) + capfd.readouterr().out
    assert not [part for part in sent.split(".") if part in everything]

    site.clock.advance(1)
    used = token(site, jti="used")
    post(site.client(), used), post(site.client(), used)
    row = site.log("person.sign_in_refused")[-1]
    assert (row["code"], row["person"], row["sub"], row["jti"]) == ("token_used", site.ben, "ben", "used")


@pytest.mark.slow
def test_refusals_are_rows_sixty_times_a_minute_and_lines_beyond(site, capfd):
    for _ in range(63):
        assert refusal(post(site.client(), "x.y.z")) == INVALID

    assert len(site.log("person.sign_in_refused")) == 60
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["code"] for line in lines] == ["invalid_token"] * 3
    site.clock.advance(121)
    post(site.client(), "x.y.z")
    assert len(site.log("person.sign_in_refused")) == 61


@pytest.mark.slow
def test_claims_of_a_refused_token_are_kept_only_where_the_site_is_set_so(make_house):
    for settings, amount in (({}, 0), ({"KEEP_REFUSED": "1"}, 1)):
        house = make_house(**settings)
        if not amount:
            make_issuer(house)
        sent = token(house, aud="another")
        post(house.client(), sent)
        kept = house.rows("SELECT * FROM refused_token")
        assert len(kept) == amount
    assert sent.split(".")[2] not in json.dumps(kept, default=str) and "another" in json.dumps(kept, default=str)


# Who may ask from where


def test_a_page_that_an_issuer_lists_may_ask_and_read_every_answer(site):
    asked = [
        (post, {"Origin": APP, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
        (by_header, {"Origin": APP}),
    ]
    for way, headers in asked:
        good, bad = (way(site.client(), each, headers=headers) for each in (token(site), token(site, aud="x")))
        assert (good.status_code, bad.status_code) == (200, 401)
        for answer in (good, bad, way(site.client(), "", headers=headers), way(site.client(), "x", headers=headers)):
            assert [answer.headers.get(name) for name in CORS] == [APP, "true", "Mintmark-Request, WWW-Authenticate"]
            assert answer.headers["Vary"] == "Cookie, Authorization, Origin"
    head = site.client().open("/auth/jwt", method="PUT", headers={"Origin": APP})
    assert head.headers["Access-Control-Allow-Origin"] == APP
    chunked = site.client().post("/auth/jwt", headers={"Origin": APP, "Transfer-Encoding": "chunked"})
    assert (chunked.status_code, chunked.headers["Access-Control-Allow-Origin"]) == (411, APP)


def test_once_the_issuer_is_known_only_its_own_list_counts(site):
    for headers in ({"Origin": OTHER}, {"Origin": OTHER, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}):
        answer = post(site.client(), token(site), headers=headers)
        assert refusal(answer) == BAD_REQUEST and not {*CORS} & {*answer.headers.keys()}
        # Nobody’s token: no issuer is known, and any listed origin may read that.
        answer = post(site.client(), token(site, iss="https://unknown.test"), headers=headers)
        assert answer.status_code == 401 and answer.headers["Access-Control-Allow-Origin"] == OTHER
    assert spent(site) == []


def test_pages_of_other_origins_are_refused_and_read_nothing(site):
    senders = [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": APP + ".evil.test"},
        {"Origin": APP.replace("https", "http")},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Referer": EVIL + "/page"},
        {"Sec-Purpose": "prefetch"},
    ]
    for headers in senders:
        for way in WAYS:
            answer = way(site.client(), token(site), headers=headers)
            assert refusal(answer) == BAD_REQUEST, (way, headers)
            assert not {*CORS} & {*answer.headers.keys()}, headers
    assert spent(site) == []
    for headers in ({"Origin": "http://localhost"}, {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}):
        for way in (post, by_header):
            answer = way(site.client(), token(site), headers=headers)
            assert answer.status_code == 200 and not {*CORS} & {*answer.headers.keys()}


def test_what_a_page_loads_out_of_sight_signs_nobody_in_by_an_address(site):
    images = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
    for headers in (
        {"Accept": images}, {"Accept": "text/css,*/*;q=0.1"}, {"Accept": "image/*"}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "script"}, {"Sec-Fetch-Mode": "cors"}, {"Accept": "text/plain"}, {"Purpose": "prefetch"},
    ):  # fmt: skip
        assert refusal(by_query(site.client(), token(site), headers=headers)) == BAD_REQUEST, headers
    assert spent(site) == []
    for accept in ("*/*", "application/json", "application/json, text/plain, */*", "", "*/*;q=0.5"):
        assert by_query(site.client(), token(site), headers={"Accept": accept}).status_code == 200, accept
    answer = site.client().get("/auth/jwt", query_string={"token": token(site)})
    assert answer.status_code == 200
    # With a header it is a program, whatever it accepts.
    assert by_header(site.client(), token(site), headers={"Accept": HTML}).mimetype == "application/json"


def test_preflights(site, capsys):
    def ask(origin, method="POST", **headers):
        headers |= {"Origin": origin} if origin else {}
        headers |= {"Access-Control-Request-Method": method} if method else {}
        return site.client().options("/auth/jwt", headers=headers)

    for origin in (APP, OTHER):
        answer = ask(origin, **{"Access-Control-Request-Headers": "content-type"})
        assert (answer.status_code, answer.data) == (204, b"") and "Content-Type" not in answer.headers
        found = {name: value for name, value in answer.headers.items() if name.startswith("Access-Control")}
        assert found == {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "600",
            "Access-Control-Expose-Headers": "Mintmark-Request, WWW-Authenticate",
        }
    for answer in (
        ask(EVIL),
        ask("null"),
        ask(None),
        ask("http://localhost"),
        ask(APP, "GET"),
        ask(APP, "PUT"),
        ask(APP, None),
    ):
        assert (answer.status_code, answer.data) == (403, b"") and "Access-Control-Allow-Methods" not in answer.headers
    switch(site, False)
    capsys.readouterr()
    assert ask(APP).status_code == 403 and ask(OTHER).status_code == 204
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["event"], line["code"], line["origin"]) == ("request.refused", "preflight", APP)


def switch(site, live):
    with site.app.app_context(), writing():
        saving.switch(saving.get_issuer(site.portal, is_locked=True), live, by=site.by())


def test_an_issuer_that_is_switched_off_is_refused_at_the_next_request_and_its_sessions_end(site):
    client = site.client()
    assert post(client, token(site)).status_code == 200
    switch(site, False)

    assert who(client) is None
    for way in WAYS:
        assert refusal(way(site.client(), token(site)))[2] == "unknown_issuer"
    switch(site, True)
    assert post(site.client(), token(site)).status_code == 200


# Where to


def test_where_to_go_is_a_page_of_ours_or_a_listed_origin(site):
    good = {
        "/": "/", "/account": "/account", "/admin/assets?q=ben&x=1": "/admin/assets?q=ben", "/integrations/help": "/integrations/help",
        "http://localhost/account?x=1": "/account", "http://localhost": "/",
        APP: APP, APP + "/": APP + "/", APP + "/a/b?c=d&e=%20#f": APP + "/a/b?c=d&e=%20#f", APP + "?x": APP + "?x",
    }  # fmt: skip
    for given, address in good.items():
        assert post(site.client(), token(site), return_to=given).json["return_to"] == address
        assert post(site.client(), token(site, redirect_url=given)).json["return_to"] == address
        assert by_query(site.client(), token(site), return_to=given).json["return_to"] == address
    header = site.client().get("/auth/jwt?return_to=/account", headers={"Authorization": "Bearer " + token(site)})
    assert header.json["return_to"] == "/account"
    both = post(site.client(), token(site, redirect_url=EVIL), return_to="/account")
    assert both.json["return_to"] == "/account", "what the request says comes first"
    assert post(site.client(), token(site, redirect_url=None), return_to=None).json["return_to"] == "/"


def test_anything_else_is_refused_and_the_token_stays_good(site):
    bad = [
        EVIL, EVIL + "/", OTHER + "/", "//evil.test", "///evil.test", "////evil.test", "/\\evil.test", "\\\\evil.test", "/%5Cevil.test/x y",
        "https:evil.test", "https:/evil.test", "https:///evil.test", "javascript:alert(1)", "data:text/html,x", "", " /", "/ ", "account",
        APP + "@evil.test", APP + ":443/", APP + ".evil.test", APP + "\\@evil.test", APP + "\n/", APP + "/\t", "https://x@app.example.test/",
        APP.upper(), APP.replace("https", "http"), "http://localhost:81/account", "/admin/nothing", "/login", "/logout", "/auth/jwt", "/setup",
        "http://localhost//evil.test", "http://localhost/\\evil.test", APP + "/é", "/" + "a" * 3000, "https://[::1", "\ud800", "/account\x00",
    ]  # fmt: skip
    sent = token(site)
    for given in bad:
        assert refusal(post(site.client(), sent, return_to=given)) == BAD_REQUEST, given
    for given in (7, True, [], ["/"], {}):
        assert refusal(post(site.client(), sent, return_to=given)) == BAD_REQUEST, given
        assert refusal(post(site.client(), token(site, redirect_url=given))) == BAD_REQUEST, given
    assert spent(site) == [] and site.rows("SELECT * FROM session") == []

    assert post(site.client(), sent).status_code == 200


@pytest.mark.slow
def test_under_a_path_addresses_and_cookies_follow_it(make_house):
    house = furnish(make_house(BASE_URL="https://www.uni.test/tokens"))

    def ask(**more):
        return house.client().post("https://www.uni.test/tokens/auth/jwt", json={"token": token(house), **more})

    answer = ask()
    assert answer.json["return_to"] == "/tokens/"
    assert (
        answer.headers["Set-Cookie"].startswith("__Secure-mintmark=") and "Path=/tokens" in answer.headers["Set-Cookie"]
    )
    assert ask(return_to="/tokens/account").json["return_to"] == "/tokens/account"
    assert ask(return_to="https://www.uni.test/tokens/account").json["return_to"] == "/tokens/account"
    assert refusal(ask(return_to="http://www.uni.test/tokens/account")) == BAD_REQUEST
    for address in ("/tokens", "/tokens/", "https://www.uni.test/tokens", "https://www.uni.test/tokens/"):
        assert ask(return_to=address).json["return_to"] == "/tokens/", address

    # Beside the path there are others' pages of the same origin: they are of the site no more than any other's.
    beside = [
        "https://www.uni.test/portal/home?x=1",
        "https://www.uni.test/account",
        "https://www.uni.test",
        "https://www.uni.test/tokensevil",
    ]
    for address in beside:
        assert refusal(ask(return_to=address)) == BAD_REQUEST, address
    with house.app.app_context(), writing():
        row = saving.get_issuer(house.portal)
        row.definition = {**row.definition, "return_to": ["https://www.uni.test"]}
    for address in beside:
        assert ask(return_to=address).json["return_to"] == address
    assert ask(return_to="https://www.uni.test/tokens/account").json["return_to"] == "/tokens/account"
    assert refusal(ask(return_to="https://www.uni.test/tokens/nothing-here/x/..//y")) == BAD_REQUEST


# The database


def test_where_the_database_cannot_be_written_nobody_is_told_anything_else(site, monkeypatch):
    from mintmark.web import attempt

    def busy():
        raise Busy("The database is full.")

    with monkeypatch.context() as patched:
        patched.setattr(attempt, "writing", busy)
        sent = token(site)
        for way in WAYS:
            answer = way(site.client(), sent)
            assert refusal(answer) == (503, "Try again", "busy") and answer.headers["Retry-After"]
        assert refusal(post(site.client(), "x")) == INVALID, "a refusal that cannot be written down is one all the same"

    assert post(site.client(), sent).status_code == 200


@pytest.mark.slow
def test_where_the_database_is_gone_the_answer_is_json_too(make_house, tmp_path):
    house = make_house(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    for headers in ({}, {"Origin": APP}):
        answer = post(house.client(), "x.y.z", headers=headers)
        assert refusal(answer)[0] in (401, 503)
    assert refusal(post(house.client(), token(house))) == (503, "Try again", "busy")
    page = house.client().get("/auth/jwt", query_string={"token": token(house)}, headers={"Accept": HTML})
    assert page.status_code == 503 and page.mimetype == "text/html"


def test_a_cookie_of_the_token_signs_in_to_everything(site):
    client = site.client()
    post(client, token(site))

    page = client.get("/account")
    assert "Ben Bos" in page.text
    answer = client.post("/logout", data={"csrf_token": csrf_of(page)})
    assert answer.status_code == 303 and who(client) is None
