"""`GET /launch/<path>`: where the browser is sent, in the order in which it is decided, and what may not be led astray."""

import itertools
import re
from urllib.parse import quote, urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy.exc import OperationalError

from mintmark.assets import moves, save
from mintmark.errors import Busy, NotRecorded
from mintmark.models import writing
from mintmark.web import refusals, signin
from tests.browsers_view import as_browsers_read
from tests.conftest import PASSWORD, SECRET, csrf_of
from tests.hostile_addresses import CLASSES, VALUES
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_pages import Page

RP = "https://acme.zendesk.com"
DESK = {"by": "query", "url": RP + "/access/jwt", "name": "jwt", "pass": ["return_to", "state"], "return_to": [RP]}
URL = "/launch/desk"
TOKEN = r"eyJ[\w-]+\.[\w-]+\.[\w-]+"


def make_cast(house):
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    make_asset(house, "desk", launch=DESK)
    return house


@pytest.fixture
def made(sqlite_house):
    return make_cast(sqlite_house)


@pytest.fixture
def ben(made):
    return made.signed_in("ben")


def sub_of(token):
    return jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims["sub"]


def come_from_sign_in(client, mark=True):
    """Give a client the session that the sign-in form leaves where it leads to a launch."""
    with client.session_transaction() as cookie:
        cookie |= {"onward": True} if mark else {}
    return client


def see_page(answer, status, words):
    """See that a refusal is a page for people that no cache keeps and that tells nobody where one was."""
    assert answer.status_code == status, answer.text
    assert words in " ".join(answer.text.split()), answer.text
    assert answer.mimetype == "text/html"
    assert "form-action 'self'; frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(TOKEN, answer.text)
    see_headers(answer)


def see_headers(answer):
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Mintmark-Request"]


# On


@pytest.mark.both_databases
def test_by_query_and_by_fragment_the_browser_is_redirected_with_a_fresh_token_that_was_recorded(house):
    make_cast(house)
    ben, locations = house.signed_in("ben"), []
    for by in ("query", "fragment"):
        change_asset(house, "desk", launch={**DESK, "by": by})
        for _ in range(2):
            answer = ben.get(URL + "?return_to=/hc%3Fa%3D1&state=x%20y&other=1")
            assert answer.status_code == 303
            see_headers(answer)
            locations.append(answer.headers["Location"])

    # Read once as they are, and once with what is in the fragment as a query.
    within = [each.removesuffix("#").replace("#", "?") for each in locations]
    found = as_browsers_read([*locations, *within], "http://localhost/")

    assert {(each["origin"], each["path"]) for each in found} == {(RP, "/access/jwt")}
    assert [bool(each["fragment"]) for each in found[:4]] == [False, False, True, True]
    assert [each.endswith("#") for each in locations] == [True, True, False, False], "the request's would be inherited"
    assert found[2]["query"] == []
    for each in found[4:]:
        assert each["query"][:2] == [["return_to", "/hc?a=1"], ["state", "x y"]]
    tokens = [token for each in found[4:] for name, token in each["query"][2:] if name == "jwt"]
    assert len(set(tokens)) == 4 and {sub_of(token) for token in tokens} == {"ben"}
    rows = house.log("token.issued")
    assert len(rows) == 4 and len({row["jti"] for row in rows}) == 4
    assert "eyJ" not in str(house.rows("SELECT * FROM log"))


def test_by_post_the_page_holds_a_form_and_its_policy_lets_it_end_elsewhere(made, ben):
    change_asset(made, "desk", launch={**DESK, "by": "post"})

    answer = ben.get(URL + "?return_to=/hc%3Fa%3D1")

    assert answer.status_code == 200
    see_headers(answer)
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action" not in policy
    assert ben.get("/").headers["Content-Security-Policy"].replace("form-action 'self'; ", "") == policy
    [form] = Page(answer.text).all("form", id="onward")
    assert form == {"id": "onward", "method": "post", "action": RP + "/access/jwt?return_to=%2Fhc%3Fa%3D1"}
    [field] = Page(answer.text).all("input", name="jwt")
    assert sub_of(field["value"]) == "ben" and field["type"] == "hidden"
    assert len(made.log("token.issued")) == 1


def test_hostile_values_in_the_form_stay_values(made, ben):
    launch = {**DESK, "by": "post", "name": "submit", "pass": ["state"]}
    change_asset(made, "desk", launch=launch, name='"><script>x</script>')
    states = [
        '"><script>alert(1)</script>',
        "' onclick=x",
        "&quot;&gt;",
        "javascript:x",
        "</form><form action=//evil.test>",
        "{{7*7}}",
        "a\\b",
    ]
    pages = [Page(ben.get(URL + "?" + urlencode({"state": state})).text) for state in ["x", *states]]

    actions = [page.all("form", id="onward")[0]["action"] for page in pages]

    found = as_browsers_read(actions, "http://localhost/")
    assert [(each["origin"], each["query"]) for each in found] == [(RP, [["state", state]]) for state in ["x", *states]]
    assert {str([tag for tag, _, _ in page.tags]) for page in pages} == {str([tag for tag, _, _ in pages[0].tags])}


def test_declared_parameters_go_into_the_template_and_a_name_may_do_both(made, ben):
    launch = {**DESK, "pass": ["nonce"], "return_to": []}
    make_asset(
        made,
        "nonce",
        '{"nonce": "{{ params.nonce }}", "room": "{{ params.room }}"}',
        params=[{"name": "nonce"}, {"name": "room"}],
        launch=launch,
    )

    [found] = as_browsers_read([ben.get("/launch/nonce?nonce=n-1&room=a").headers["Location"]], RP)

    assert [name for name, _ in found["query"]] == ["nonce", "jwt"]
    claims = jwt.decode(dict(found["query"])["jwt"], OctKey.import_key(SECRET), algorithms=["HS256"]).claims
    assert (claims["nonce"], claims["room"]) == ("n-1", "a")


def test_a_redirect_uri_that_is_listed_letter_for_letter_is_where_the_token_goes(made, ben):
    listed = "https://acme.myfreshworks.com/sp/1/implicit"
    change_asset(made, "desk", launch={**DESK, "pass": ["redirect_uri", "state"], "return_to": [listed, RP]})

    answer = ben.get(URL + "?" + urlencode({"redirect_uri": listed, "state": "s"}))

    assert re.fullmatch(re.escape(listed) + r"\?state=s&jwt=[\w.-]+#", answer.headers["Location"])
    for wanted in (RP, RP + "/x", listed + "/", "https://evil.test"):
        see_page(ben.get(URL + "?" + urlencode({"redirect_uri": wanted})), 400, "letter for letter")


def test_a_former_path_launches_and_the_log_names_it(made, ben):
    with made.app.app_context(), writing():
        asset = save.lock_asset(save.find_asset("desk").id)
        moves.move(asset, "desks", days=30, sealer=made.mint.settings.sealer, by=made.by())

    assert ben.get(URL).status_code == 303 and ben.get("/launch/desks").status_code == 303
    assert [row["code"] for row in made.log("token.issued")] == ["former_path", None]
    change_asset(made, "desks", readers=[])
    answer = ben.get(URL)
    see_page(answer, 403, "Not for you")
    assert "desks" not in answer.text


# Refused, in the order of decision


def test_what_does_not_live_or_launches_nobody_is_404(made, ben):
    make_asset(made, "plain")
    make_asset(made, "off", launch=DESK, live=False)

    for path in ("none", "plain", "off", "desk/", "DESK", "desk%2F", "a%00b", "..%2Fdesk", "desk;x"):
        see_page(ben.get("/launch/" + path), 404, "Nothing here")
        assert ben.post("/launch/" + path).status_code == 404
    assert ben.get("/launch//desk").status_code == 404


def test_another_method_is_405_and_issues_nothing(made, ben):
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get"):
        answer = ben.open(URL, environ_overrides={"REQUEST_METHOD": method})

        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
        see_headers(answer)
    assert made.log("token.issued") == []


NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
NO_NAVIGATIONS = [
    *({name: "prefetch"} for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")), {"Sec-Purpose": "prefetch;prerender"},
    {"Sec-Purpose": "Prefetch"}, {"X-Moz": "PREFETCH"}, {"X-Purpose": "preview"}, {"Purpose": "Preview"}, {"Sec-Purpose": "x", "Purpose": "prefetch"},
    # What browsers accept where they load a picture or a style sheet, and do not say so (on plain http).
    {"Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}, {"Accept": "image/png,image/*;q=0.8,*/*;q=0.5"},
    {"Accept": "text/css,*/*;q=0.1"}, {"Accept": "IMAGE/*"}, {"Accept": "application/json"}, {"Accept": "text/htmlx"},
    *({"Origin": origin} for origin in ("https://evil.test", "null")), {"Referer": "https://evil.test/"},
    *({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": target}
      for site in ("cross-site", "same-site", "same-origin")
      for mode, target in (("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty"), ("navigate", "object"))),
]  # fmt: skip


def test_what_is_no_navigation_of_the_whole_page_is_403(made, ben):
    refusals._told._at.clear()

    for headers in NO_NAVIGATIONS:
        see_page(ben.get(URL, headers=headers), 403, "Not from there")
    assert made.log("token.issued") == [] and [row["code"] for row in made.log("token.refused")] == ["origin"]


def test_a_link_of_any_page_leads_on(ben):
    for site in ("cross-site", "same-site", "same-origin", "none"):
        headers = {**NAVIGATION, "Sec-Fetch-Site": site, "Referer": "https://acme.zendesk.com/"}
        assert ben.get(URL, headers=headers).status_code == 303


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "application/xml, Text/HTML ;q=0.9", "*/*;q=0.1,text/plain"],
)  # fmt: skip
def test_who_takes_a_page_or_anything_is_led_on_where_the_browser_does_not_say_for_what_it_asks(ben, accept):
    assert ben.get(URL, headers={"Accept": accept}).status_code == 303
    assert ben.get(URL, headers={"Accept": "image/*", **NAVIGATION, "Sec-Fetch-Site": "none"}).status_code == 303


def test_only_readers_editors_and_administrators_are_sent_on(house):
    make_cast(house)
    for name in ("desk-readers", "desk-editors"):
        make_group(house, name)
        make_person(house, name[5:], groups=[name])
    make_asset(house, "few", launch=DESK, readers=["desk-readers"], editors=["desk-editors"], name="A plan of theirs")
    refusals._told._at.clear()

    assert [house.signed_in(name).get("/launch/few").status_code for name in ("readers", "editors", "ada")] == [303] * 3
    for mark in (False, True):  # Also right after signing in.
        answer = come_from_sign_in(house.signed_in("ben"), mark).get("/launch/few?state=1")
        see_page(answer, 403, "Not for you")
        assert "A plan of theirs" not in answer.text
    assert [row["code"] for row in house.log("token.refused")] == ["not_a_reader"]
    assert len(house.log("token.issued")) == 3


def test_over_the_limit_is_429_with_retry_after(make_house):
    house = make_cast(make_house(LIMIT_TOKENS="2 per minute"))
    ben = house.signed_in("ben")
    refusals._told._at.clear()
    assert [ben.get(URL).status_code for _ in range(2)] == [303, 303]

    answer = ben.get(URL)

    see_page(answer, 429, "Too often")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(house.log("token.issued")) == 2 and len(house.log("token.refused")) == 1


def test_a_bad_parameter_is_400_and_issues_nothing(made, ben):
    change_asset(made, "desk", params=[{"name": "room", "one_of": ["a", "b"]}])

    for query in (
        "room=a&room=b",
        "room=",
        "room=%0a",
        "room=c",
        "state=1&state=1",
        "return_to=//evil.test",
        "state=%C3%A9",
    ):
        see_page(ben.get(f"{URL}?{query}"), 400, "You were not sent on")
    assert made.log("token.issued") == []


def test_a_token_that_breaks_the_contract_is_500_with_the_number_that_leads_to_the_reason(made, ben):
    make_asset(
        made,
        "mail",
        '{"email": {{ user.email | default("") }}}',
        launch=DESK,
        contract={"claims": {"email": {"format": "email"}}},
    )

    answer = ben.get("/launch/mail")

    see_page(answer, 500, "is set up so that you get no token")
    [row] = made.log("token.failed")
    assert (row["code"], row["request"]) == ("contract_broken", answer.headers["Mintmark-Request"])
    assert row["request"] in answer.text and "Tell an administrator" in answer.text and "contract" not in answer.text
    answer = made.signed_in("ada").get("/launch/mail")
    see_page(answer, 500, "The contract is broken")
    [link] = [found for found in Page(answer.text).all("a") if "/admin/log?request" in found["href"]]
    shown = made.signed_in("ada").get(link["href"], follow_redirects=True)
    assert shown.status_code == 200 and "contract is broken" in shown.text
    assert made.log("token.issued") == []


def test_a_row_that_cannot_be_committed_is_503_and_no_token_leaves(made, ben, monkeypatch):
    def refuse(*_):
        raise NotRecorded("no row") from OperationalError("", {}, Exception())

    monkeypatch.setattr(made.mint.recorder, "record", refuse)

    see_page(ben.get(URL), 503, "it was not sent")


def test_lines_of_the_server_hold_no_token_and_no_parameter(made, ben, capfd):
    for query in ("", "?state=a-state-of-theirs", "?state=a-state-of-theirs&state=2", "?return_to=https://evil.test/"):
        ben.get(URL + query)
    made.client().get(URL + "?state=a-state-of-theirs")

    said = "".join(capfd.readouterr())
    assert "bad_parameters" in said
    assert "eyJ" not in said and "a-state-of-theirs" not in said and "evil.test" not in said
    assert "a-state-of-theirs" not in str(made.log())


def test_a_query_that_is_no_text_is_400_at_every_door_and_a_line(made, ben, capfd):
    for client, path in itertools.product((made.client(), ben), (URL, "/account", "/login", "/desk", "/none")):
        for query in ("a=\xff", "state=\x80", "\xc3"):
            answer = client.get(path, environ_overrides={"QUERY_STRING": query})
            assert (answer.status_code, answer.data) == (400, b""), (path, query)
            assert answer.headers["Mintmark-Request"] in capfd.readouterr().out
    assert ben.get("/account", environ_overrides={"QUERY_STRING": "a=\xc3\xa9"}).status_code == 200
    assert made.log("token.issued") == []


# Through sign-in


def test_a_stranger_signs_in_first_and_comes_back_with_what_the_asset_declares_and_nothing_else(made):
    client = made.client()
    asked = "?return_to=/hc%3Fa%3D1&evil=1&next=//evil.test&state=a%26b&state=2"

    answer = client.get(URL + asked)

    back = URL + "?return_to=%2Fhc%3Fa%3D1&state=a%26b&state=2"
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=" + quote(back, safe="/?"))
    see_headers(answer)
    page = client.get(answer.headers["Location"])
    data = {
        "csrf_token": csrf_of(page),
        "username": "ben",
        "password": PASSWORD,
        "next": back.replace("&state=2", "") + "&x=1",
    }
    answer = client.post("/login", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, back.replace("&state=2", ""))
    assert "You are signed in" in client.get(answer.headers["Location"]).text
    assert client.get(answer.headers["Location"]).status_code == 303
    assert client.get(back).status_code == 400


def test_a_parameter_of_any_name_survives_the_way_through_sign_in(made):
    names = ["endpoint", "path", "self", "values", "next", "username"]
    make_asset(
        made, "odd", params=[{"name": name} for name in names], launch={**DESK, "pass": ["endpoint"], "return_to": []}
    )
    query = "&".join(f"{name}=x" for name in names)

    assert made.client().get(f"/launch/odd?{query}").headers["Location"] == "/login?next=" + quote(
        f"/launch/odd?{query}", safe="/?"
    )


def test_a_stranger_is_sent_to_sign_in_whatever_the_path_and_any_other_method_is_403(made):
    for path in ("none", "DESK", "a%00b"):
        answer = made.client().get(f"/launch/{path}?state=1")
        assert answer.status_code == 303 and answer.headers["Location"].startswith("/login"), path
        assert "state" not in answer.headers["Location"]
    assert made.client().post(URL).status_code == 403


def policy_of(answer):
    return re.search(r"form-action ([^;]*);", answer.headers["Content-Security-Policy"])[1]


def test_the_sign_in_page_tells_strangers_nothing_of_where_an_asset_leads(make_house):
    house = make_cast(make_house(LIMIT_SIGN_IN="1 per minute"))
    make_asset(house, "mute")
    told = set()
    for path in ("desk", "mute", "gone"):
        client, wanted = house.client(), f"/launch/{path}?state=1"
        shown = client.get("/login?" + urlencode({"next": wanted}))
        data = {"csrf_token": csrf_of(shown), "username": path, "password": "wrong", "next": wanted}
        answers = [shown, *(client.post("/login", data=data) for _ in range(2))]
        assert [policy_of(answer) for answer in answers] == ["'self'"] * 3
        told |= {(answer.status_code, len(answer.text)) for answer in answers}
    assert sorted(status for status, _ in told) == [200, 422, 429]


def test_what_follows_the_sign_in_form_is_once_a_page_without_a_token_that_leads_on(made):
    """Chromium holds the form's policy against each further redirect, also those of the relying party."""
    client, wanted = made.client(), URL + "?state=a%26b"
    page = client.get("/login?" + urlencode({"next": wanted + "&x=1"}))
    data = {"csrf_token": csrf_of(page), "username": "ben", "password": PASSWORD, "next": wanted + "&x=1"}
    answer = client.post("/login", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, wanted)
    assert client.get(wanted, headers={"Sec-Purpose": "prefetch"}).status_code == 403

    answer = client.get(wanted)

    see_page(answer, 200, "You are signed in")
    [found] = Page(answer.text).all("meta", **{"http-equiv": "refresh"})
    assert found["content"] == f"0; url={wanted}"
    assert made.log("token.issued") == []
    assert client.get(wanted).status_code == 303 and len(made.log("token.issued")) == 1


def test_no_referrer_calls_for_the_page_between_nor_does_a_sign_in_that_leads_elsewhere(made, ben):
    for referer in ("http://localhost/login", "http://localhost/login?next=/launch/desk"):
        assert ben.get(URL, headers={"Referer": referer, "Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert made.sign_in("ben").get(URL).status_code == 303


def test_a_database_that_does_not_answer_is_503_with_the_form_whatever_comes_next(made, monkeypatch):
    def refuse(*_, **__):
        raise Busy("The database does not answer.")

    client = made.client()
    token = csrf_of(client.get("/login"))
    monkeypatch.setattr(signin, "count_attempt", refuse)
    monkeypatch.setattr(made.mint.wire, "look_up", refuse)
    for wanted in ("/", URL):
        data = {"csrf_token": token, "username": "ben", "password": "x", "next": wanted}
        answer = client.post("/login", data=data)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert csrf_of(answer) == token


def test_under_a_path_of_the_base_url_everything_stays_there(make_house):
    house = make_cast(make_house(BASE_URL="https://www.uni.test/tokens"))
    client = house.client()

    location = client.get("/tokens/launch/desk?state=1", base_url="https://www.uni.test").headers["Location"]

    assert location == "/tokens/login?next=/tokens/launch/desk?state%3D1"
    page = client.get(location, base_url="https://www.uni.test")
    back = "/tokens/launch/desk?state=1"
    data = {"csrf_token": csrf_of(page), "username": "ben", "password": PASSWORD, "next": back}
    assert client.post("/tokens/login", data=data, base_url="https://www.uni.test").headers["Location"] == back
    assert f"url={back}" in client.get(back, base_url="https://www.uni.test").text
    assert client.get(back, base_url="https://www.uni.test").headers["Location"].startswith(RP)


def test_home_offers_to_launch_where_a_link_can(made, ben):
    make_asset(made, "plain")
    make_asset(made, "room", launch=DESK, params=[{"name": "room"}])

    links = [found["href"] for found in Page(ben.get("/").text).all("a") if "launch" in found["href"]]
    assert links == [URL]


# CWE-601


@pytest.mark.slow
def test_no_hostile_address_leads_a_launch_or_a_sign_in_astray(made, ben, capsys):
    """What a browser would do is what is judged: by Node's parser, not by ours."""
    change_asset(made, "desk", launch={**DESK, "pass": ["return_to", "redirect_uri", "relay", "RelayState"]})
    sent, issued, refused = [], 0, 0
    for name in ("return_to", "redirect_uri", "relay", "RelayState"):
        made.clock.advance(60)  # For the limit of tokens.
        for value in VALUES:
            answer = ben.get(f"{URL}?{name}={quote(value, safe='')}")
            if answer.status_code == 303:
                issued += 1
                sent.append((answer.headers["Location"], RP, value))
            else:
                assert answer.status_code == 400 and "Location" not in answer.headers
                refused += 1
    for value in VALUES:
        for wanted in (value, f"{URL}?return_to={quote(value, safe='')}", "/launch/" + value, URL + value):
            answer = ben.get("/login?next=" + quote(wanted, safe=""))
            assert answer.status_code == 303
            sent.append((answer.headers["Location"], "http://localhost", wanted))

    found = as_browsers_read([address for address, _, _ in sent], "http://localhost/login")

    astray = [
        (each["href"], wanted)
        for each, (_, origin, wanted) in zip(found, sent, strict=True)
        if each["origin"] != origin
    ]
    assert astray == []
    assert len(made.log("token.issued")) == issued and refused > issued
    with capsys.disabled():
        print(
            f"\n{len(VALUES)} hostile addresses in {len(CLASSES)} classes; {refused} launches refused, {issued} stayed, {len(VALUES) * 4} times next stayed here"
        )


def test_what_next_keeps_for_a_launch_is_still_judged_there(made, ben):
    for value in ("//evil.test", "https://evil.test", "/\\evil.test"):
        answer = ben.get("/login?next=" + quote(f"{URL}?return_to={quote(value, safe='')}", safe=""))
        assert ben.get(answer.headers["Location"]).status_code == 400
    assert made.log("token.issued") == []


def test_a_link_that_lacks_what_the_token_depends_on_says_so_and_blames_nobody(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    make_asset(house, "desk", '{"nonce": "{{ params.nonce }}"}', params=[{"name": "nonce"}],
               launch={"by": "query", "url": "https://rp.test/in", "name": "jwt"})  # fmt: skip

    page = house.signed_in("ben").get("/launch/desk")

    assert page.status_code == 500
    assert "lacks the parameter <code>nonce</code>" in page.text
    assert "is set up so that" not in page.text
