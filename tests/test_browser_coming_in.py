"""Coming in, in a real browser: by a door of the sign-in page, by a link on another site, by OpenID Connect, and linking."""

import shutil
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from tests import openid_provider
from tests.arrivals import token
from tests.conftest import SEALING_KEY, SECRET, House
from tests.making import make_asset, make_issuer, make_person, make_provider
from tests.serving import free_port, served
from tests.test_browser_pages import address, chromium, open_page, see_that_it_holds, sign_in  # noqa: F401 — fixtures.
from tests.test_browser_story import press

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ASSET_SECRET = "the-secret-of-the-help-desk-and-of-nobody-else"


@contextmanager
def portal(house, at):
    """Another site, which signs everybody in as its `subject`: at /sso at once, at /page by a link. Yield it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            link = f"{at}/auth/jwt?token={token(house, server.subject, **server.claims)}"
            self.send_response({"/page": 200, "/sso": 302}.get(self.path, 204))
            self.send_header("Content-Type", "text/html")
            if self.path == "/sso":
                self.send_header("Location", link)
            self.end_headers()
            if self.path == "/page":
                self.wfile.write(f'<!doctype html><title>Portal</title><a href="{link}">Go to Mintmark</a>'.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.subject, server.claims = "ben", {}
    # By another name than the site's: what leads from there is from another site.
    server.url = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def there(sqlite_house, address):  # noqa: F811 — the fixture.
    """The portal, trusted by the site; `ben` and `cleo` are people here."""
    with portal(sqlite_house, address) as server:
        fields = {"start_url": server.url + "/sso", "tenant": "Main portal", "create_people": True}
        make_issuer(sqlite_house, username_prefix="portal-", attribute_map={"display_name": "name"}, **fields)
        make_person(sqlite_house, "cleo")
        make_asset(sqlite_house, "integrations/helpdesk", name="Help desk", secret=ASSET_SECRET)
        yield server


def fetched(page):
    """Fetch a token as a page of ours does, and return whose it is."""
    text = page.evaluate("fetch('/integrations/helpdesk').then((answer) => answer.text())")
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return jwt.decode(text, ASSET_SECRET, algorithms=["HS256"], options=options)["sub"]


def status(page):
    return page.evaluate("fetch('/integrations/helpdesk').then((answer) => answer.status)")


def test_by_a_door_of_the_sign_in_page_and_out_again(sqlite_house, open_page, there):  # noqa: F811 — the fixture.
    page = open_page()
    page.goto("/account/sessions")
    assert page.get_by_role("heading", name="Or sign in with").is_visible()
    see_that_it_holds(page)

    page.get_by_role("link", name="Main portal").click()
    page.wait_for_url("**/account/sessions")

    assert "token" not in page.url and fetched(page) == "portal-ben"
    [row] = sqlite_house.log("person.signed_in")
    assert row["issuer"] == "https://portal.test"
    press(page, "Sign out")
    assert page.url.endswith("/login") and status(page) == 403


def test_by_a_link_of_another_site_that_asks_first(sqlite_house, open_page, there):  # noqa: F811 — the fixture.
    page = open_page()
    page.goto(there.url + "/page")
    page.get_by_role("link").click()
    page.wait_for_url("**/auth/jwt?token=*")

    asked = page.get_by_role("main").inner_text()
    assert "portal" in asked.lower() and "portal-ben" in asked
    assert sqlite_house.log("person.signed_in") == [] and status(page) == 403
    see_that_it_holds(page)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(lambda url: "/auth/jwt" not in url)

    assert fetched(page) == "portal-ben" and len(sqlite_house.log("person.signed_in")) == 1
    page.goto("/account/password")
    assert "no password on this site" in page.get_by_role("main").inner_text()
    see_that_it_holds(page)
    press(page, "Sign out")
    assert status(page) == 403


def test_an_identity_is_linked_and_signs_in_from_then_on(sqlite_house, open_page, there):  # noqa: F811 — the fixture.
    there.subject = "c-17"
    page = open_page()
    sign_in(page, "cleo")
    page.goto("/account/identities")
    see_that_it_holds(page)
    page.get_by_role("button", name="Go there").click()
    page.wait_for_url("**/account/identities")
    asked = page.get_by_role("main").inner_text()
    assert all(words in asked for words in ("Is this you?", "Main portal", "https://portal.test", "c-17", "cleo"))
    see_that_it_holds(page)

    press(page, "Link it to my account")

    assert "Linked" in page.get_by_role("status").inner_text()
    page.locator("summary").first.click()
    see_that_it_holds(page)
    press(page, "Sign out")
    page.get_by_role("link", name="Main portal").click()
    page.wait_for_url(lambda url: "/login" not in url and "/auth" not in url)
    assert fetched(page) == "cleo"
    assert SECRET not in page.content()


@pytest.fixture
def campus(tmp_path, empty_sqlite):
    """A site at an address that the provider knows, with the provider that it trusts: (house, address, provider)."""
    shutil.copy(empty_sqlite, tmp_path / "mintmark.sqlite")
    at = f"127.0.0.1:{free_port()}"
    with openid_provider.running(f"http://{at}") as provider:
        settings = {"BIND": at, "FETCH_ALSO": provider.issuer, "SQLITE_SYNCHRONOUS": "normal"}
        house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY, **settings})
        house.clock.now = float(int(time.time()))
        fields = {"algorithm": "ES256", "username_claim": "preferred_username", "create_people": True}
        make_provider(house, provider.issuer, secret=openid_provider.CLIENT_SECRET, **fields)
        make_asset(house, "integrations/helpdesk", name="Help desk", secret=ASSET_SECRET)
        with served(house) as url:
            yield house, url, provider
        house.close()


def test_by_openid_connect_and_out_again_on_both_sides(chromium, campus):  # noqa: F811 — the fixture.
    house, url, provider = campus
    context, wrong = chromium.new_context(base_url=url), []
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    page.goto("/account/sessions")
    page.get_by_role("link", name="campus").click()
    page.wait_for_url(provider.issuer + "/**")
    page.get_by_label("Who").fill("u-1")
    page.get_by_role("button").click()
    page.wait_for_url("**/account/sessions")

    assert fetched(page) == "ben"
    [row] = house.log("person.signed_in")
    assert row["issuer"] == provider.issuer and list(provider.signed_in.values()) == ["u-1"]
    press(page, "Sign out")
    assert page.get_by_role("heading", name="You are signed out here").is_visible() and status(page) == 403
    see_that_it_holds(page)
    page.get_by_role("link", name="Sign out there now").click()
    page.get_by_role("button", name="Sign out of Campus").click()
    page.wait_for_url("**/login")
    assert provider.signed_in == {} and wrong == []
    page.get_by_role("link", name="campus").click()
    assert page.get_by_label("Who").is_visible()
    context.close()
