"""Launch in a real browser: to a relying party of another site, by each way, also through sign-in and without script."""

# ruff: noqa: F811 — what a test takes are fixtures of another file.

import re
import threading
from contextlib import contextmanager

import pytest

from mintmark.receiver import Party, make_receiver
from tests.conftest import PASSWORD, SECRET
from tests.making import make_asset, make_key, make_person
from tests.serving import threaded_server
from tests.test_browser_pages import HOSTILE, address, chromium, open_page, see_that_it_holds  # noqa: F401 — fixtures.
from tests.test_launch import come_from_sign_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WAYS = ["query", "fragment", "post"]
NAMES = {"query": "token", "fragment": "id_token", "post": "jwt"}


@contextmanager
def listening(app):
    """Serve an application at a port of its own; yield the port."""
    server = threaded_server(app, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Parties:
    """The receiver at another site (localhost, where Mintmark is at 127.0.0.1), and what browsers told it."""

    def __init__(self, house, site):
        key_set = site + "/.well-known/jwks.json"
        parties = [
            Party("query", "RS256", jwks_url=key_set, audience="query-party", by="query", name=NAMES["query"]),
            Party(
                "fragment", "ES256", jwks_url=key_set, audience="fragment-party", by="fragment", name=NAMES["fragment"]
            ),
            Party("post", "HS256", secret=SECRET.encode(), by="post", name=NAMES["post"], one_time=True),
        ]
        parties.append(Party("end", "HS256", secret=SECRET.encode(), by="query", name=NAMES["query"]))
        self.site, self.heard = site, []
        self._app = make_receiver(parties, site, house.clock)

    def __call__(self, environ, start_response):
        told = {
            name: environ.get(name)
            for name in ("HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN", "PATH_INFO", "QUERY_STRING")
        }
        self.heard.append(told)
        if environ["PATH_INFO"].startswith("/onward/"):  # A party that sends people on, as most do.
            where = f"http://127.0.0.1:{environ['SERVER_PORT']}/{environ['PATH_INFO'][8:]}?{environ['QUERY_STRING']}"
            start_response("302 Found", [("Location", where)])
            return [b""]
        return self._app(environ, start_response)


@pytest.fixture
def parties(sqlite_house, address):
    """A house with an asset for each way, and the relying parties that take their tokens."""
    house = sqlite_house
    for number, algorithm in enumerate(("RS256", "ES256")):
        make_key(house, algorithm.lower(), algorithm, number=number)
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    receiver = Parties(house, address)
    with listening(receiver) as port:
        receiver.origin = f"http://localhost:{port}"
        for way, key in zip(WAYS, ("rs256", "es256", None), strict=True):
            fields = {"signing_key": key, "algorithm": key.upper()} if key else {}
            template = '{"sub": "{{ user.username }}"' + (f', "aud": "{way}-party"}}' if key else "}")
            launch = {
                "by": way,
                "url": f"{receiver.origin}/{way}",
                "name": NAMES[way],
                "pass": ["return_to", "state"],
                "return_to": [],
            }
            make_asset(house, way, template, launch=launch, **fields)
        onward = {"by": "query", "url": f"{receiver.origin}/onward/end", "name": NAMES["query"]}
        make_asset(house, "onward", launch=onward)
        yield receiver


@pytest.fixture
def open_as(sqlite_house, open_page, address):
    """Open pages as somebody who is signed in, without the work of a password."""

    def new(username, comes_from_sign_in=False):
        client = come_from_sign_in(sqlite_house.signed_in(username), comes_from_sign_in)
        page, cookie = open_page(), client.get_cookie("mintmark")
        page.context.add_cookies([{"name": "mintmark", "value": cookie.value, "url": address, "sameSite": "Lax"}])
        return page

    return new


def fill_in(page, password=PASSWORD):
    page.get_by_label("Username").fill("ben")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def see_arrival(page, parties, way, origin=None):
    """See that the party of this way took the token and that no Referer said where from; return the request."""
    page.wait_for_url(f"{origin or parties.origin}/{way}**")
    page.locator("#verdict", has_text="Verified").wait_for()
    assert '"sub": "ben"' in page.locator("#claims").inner_text()
    arrivals = [heard for heard in parties.heard if heard["PATH_INFO"] == f"/{way}"]
    parties.heard.clear()
    assert [heard["HTTP_REFERER"] for heard in arrivals] == [None]
    return arrivals[0]


def see_no_token_in_ours(house, capfd):
    assert "eyJ" not in str(house.rows("SELECT * FROM log")) and "eyJ" not in "".join(capfd.readouterr())


def test_a_launch_from_home_arrives_verified_at_another_site_by_each_way_and_back_leads_back(
    sqlite_house, parties, open_as, capfd
):
    page = open_as("ben")
    for way in WAYS:
        page.goto("/")
        page.locator(f'a[href="/launch/{way}"]').click()

        arrived = see_arrival(page, parties, way)
        assert arrived["HTTP_SEC_FETCH_SITE"] == "cross-site"
        assert ("eyJ" in arrived["QUERY_STRING"]) is (way == "query")
        page.go_back()
        page.wait_for_url(parties.site + "/")
    assert len(sqlite_house.log("token.issued")) == len(WAYS)
    see_no_token_in_ours(sqlite_house, capfd)


@pytest.mark.parametrize(
    ("way", "has_script"),
    [("query", True), ("fragment", True), ("post", False)],
)
def test_whoever_is_signed_out_comes_there_through_sign_in_with_what_was_passed(
    sqlite_house, parties, open_page, way, has_script, capfd
):
    page = open_page(java_script_enabled=has_script)
    page.goto(f"/launch/{way}?return_to=%2Fhc%3Fa%3D1&state=x%2By%26z&evil=1#evil=1")
    if way == "query":
        fill_in(page, "wrong")
        page.get_by_role("alert").wait_for()
    fill_in(page)
    if way == "post" and not has_script:
        page.get_by_role("button", name="Go on to localhost").click()

    query = see_arrival(page, parties, way)["QUERY_STRING"]
    assert way == "fragment" or query.startswith("return_to=%2Fhc%3Fa%3D1&state=x%2By%26z") and "evil" not in query
    assert len(sqlite_house.log("token.issued")) == 1
    see_no_token_in_ours(sqlite_house, capfd)


def test_the_sign_in_form_may_end_at_a_party_that_sends_people_on(parties, open_page):
    """Chromium holds `form-action` against each redirect; the page between begins anew, whatever the Referer."""
    page = open_page()
    page.route("**/login", lambda route: route.continue_(headers=without_referer(route)))
    page.goto("/launch/onward")
    fill_in(page)

    see_arrival(page, parties, "end", parties.origin.replace("localhost", "127.0.0.1"))


def without_referer(route):
    return {name: value for name, value in route.request.headers.items() if name != "referer"}


def test_the_fragment_of_a_link_is_not_handed_on_to_the_party(parties, open_as):
    """A Location without a fragment would take it on, also through redirects of the party (RFC 9110 §10.2.2)."""
    page, seen = open_as("ben"), []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    for way in (*WAYS, "onward"):
        page.goto(parties.origin + "/")
        page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('a'), {href: url, textContent: 'Go'}))",
            f"{parties.site}/launch/{way}#return_to=https://evil.test&id_token=theirs&state=theirs",
        )
        page.get_by_role("link", name="Go", exact=True).click()
        if way == "onward":
            see_arrival(page, parties, "end", parties.origin.replace("localhost", "127.0.0.1"))
        else:
            see_arrival(page, parties, way)

    at_parties = [url for url in seen if not url.startswith(parties.site)]
    assert len(at_parties) >= 8 and not [url for url in at_parties if "theirs" in url], at_parties


def test_a_link_of_another_site_launches_also_in_a_window_of_its_own(parties, open_as):
    page = open_as("ben")
    page.goto(parties.origin + "/")
    for way in ("query", "post"):
        page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('a'),"
            " {href: url, target: '_blank', rel: 'opener', textContent: url}))",
            f"{parties.site}/launch/{way}",
        )
        with page.expect_popup() as opened:
            page.get_by_role("link", name=f"{parties.site}/launch/{way}", exact=True).last.click()

        see_arrival(opened.value, parties, way)


def test_a_frame_a_picture_and_a_script_of_another_site_launch_nothing(sqlite_house, parties, chromium):
    context = chromium.new_context(bypass_csp=True)
    cookie = sqlite_house.signed_in("ben").get_cookie("mintmark").value
    context.add_cookies([{"name": "mintmark", "value": cookie, "url": parties.site, "sameSite": "Lax"}])
    page = context.new_page()
    for origin in (parties.origin, parties.origin.replace("localhost", "127.0.0.1")):  # Another site, another origin.
        page.goto(origin + "/")
        page.evaluate(
            """async url => {
              const loads = ["img", "iframe", "script", "object"].map((name) => new Promise((done) => {
                const each = document.createElement(name);
                each.onload = each.onerror = done;
                setTimeout(done, 1000);
                each[name === "object" ? "data" : "src"] = url;
                document.body.append(each);
              }));
              await Promise.all([...loads, fetch(url, {credentials: "include", mode: "no-cors"}).catch(() => {})]);
            }""",
            f"{parties.site}/launch/post",
        )
    context.close()

    # The picture of the same site was asked for by somebody known: that is in the log, and no token.
    assert {row["code"] for row in sqlite_house.log("token.refused")} == {"origin"}
    assert sqlite_house.log("token.issued") == []
    assert not [heard for heard in parties.heard if heard["PATH_INFO"] == "/post"]


def without_refresh(route):
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub(r"<meta http-equiv[^>]*>", "", answer.text()))


def test_pages_of_a_launch_hold_at_every_width(sqlite_house, parties, open_as):
    host = "a-very-long-name-of-a-host." * 8 + "test"
    launch = {"by": "post", "url": f"https://{host}/x", "name": "jwt"}
    make_asset(sqlite_house, "long", launch=launch, name=HOSTILE)
    make_asset(sqlite_house, "broken", '{"x": "{{ user.email }}"}', launch=launch, name=HOSTILE)
    page = open_as("ada", comes_from_sign_in=True)
    page.route("**/launch/query?*", without_refresh)
    page.goto("/launch/query?state=1")
    page.get_by_role("heading", name="You are signed in").wait_for()
    see_that_it_holds(page)
    assert page.get_by_role("link", name="Go on").get_attribute("href") == "/launch/query?state=1"
    page.route("**/launch.js", lambda route: route.fulfill(body=""))
    page.route("**/launch/broken", lambda route: route.fulfill(response=route.fetch(), status=200))
    page.goto("/launch/long")
    page.get_by_role("button", name="Go on to").wait_for()
    see_that_it_holds(page)
    page.goto("/launch/broken")
    page.get_by_role("heading", name="You get no token").wait_for()
    see_that_it_holds(page)
    page.get_by_role("link", name="The diagnosis in the log").click()
    page.get_by_text("user.email").first.wait_for()
