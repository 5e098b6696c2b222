"""The examples of others' documentation, with nothing but the host changed: Authonomy’s commands and code, Convergence’s payload."""

import functools
import json
import shutil
import subprocess
import threading
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from werkzeug.serving import make_server

from tests.arrivals import LINKED, WAYS, by_header, by_query, follow, post, who
from tests.conftest import House, skip_or_fail
from tests.making import key_pair, make_issuer, make_person
from tests.serving import _Quiet, free_port, served
from tests.test_admin_issuers import send, settings_of
from tests.test_browser_pages import chromium, see_that_it_holds  # noqa: F401 — a fixture.

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECRET_KEY = "a-secret-that-the-application-and-this-site-share-0123"
TENANT = "550e8400-e29b-41d4-a716-446655440000"
USER = {
    "id": "user-123",
    "email": "john@example.com",
    "name": "John Doe",
    "roles": ["user"],
    "permissions": ["users:read", "reports:read:own"],
}
APP = {
    "issuer": "https://your-app.com",
    "audience": "authonomy",
    "required_claims": ["email", "tenant_id"],
    "create_people": True,
    "attribute_map": {"email": "email", "display_name": "name"},
    "roles_claim": "roles",
    "permissions_claim": "permissions",
}
PAIR = key_pair("RS256", 900)


def create_rs256_token(user, tenant_id, private_key, **options):
    """Authonomy's Python example for RS256, as it stands there."""
    now = int(time.time())
    payload = {
        # Standard claims
        'iss': 'https://your-app.com',
        'sub': user['id'],
        'aud': 'authonomy',
        'exp': now + options.get('expires_in', 3600),
        'iat': now,
        'jti': str(uuid.uuid4()),
        # Required Authonomy claims
        'email': user['email'],
        'tenant_id': tenant_id,
        # Optional claims
        'name': user.get('name'),
        'roles': user.get('roles', []),
        'permissions': user.get('permissions', []),
        'redirect_url': options.get('redirect_url'),
        'metadata': user.get('metadata', {})
    }  # fmt: skip
    return jwt.encode(payload, private_key, algorithm='RS256', headers={'kid': 'your-key-id'})  # fmt: skip


def create_hs256_token(user, tenant_id, **options):
    """Authonomy's Python example for HS256, as it stands there."""
    secret_key = SECRET_KEY
    now = int(time.time())
    payload = {
        'iss': 'https://your-app.com',
        'sub': user['id'],
        'aud': 'authonomy',
        'exp': now + options.get('expires_in', 3600),
        'iat': now,
        'email': user['email'],
        'tenant_id': tenant_id,
        'name': user.get('name'),
        'roles': user.get('roles', []),
        'permissions': user.get('permissions', [])
    }  # fmt: skip
    return jwt.encode(payload, secret_key, algorithm='HS256')  # fmt: skip


@functools.cache
def private_key():
    """Return the key as the example loads it, from PEM."""
    pem = PAIR.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return serialization.load_pem_private_key(pem, password=None)


def rs256(**options):
    return create_rs256_token(USER, TENANT, private_key(), **{"expires_in": 300, **options})


@pytest.fixture
def app_house(sqlite_house):
    """A site that trusts the example's application by its public key, at this very moment."""
    sqlite_house.clock.now = time.time()
    make_issuer(sqlite_house, algorithm="RS256", keys=[("your-key-id", PAIR.public)], **APP)
    return sqlite_house


def test_the_rs256_example_signs_in_by_each_way_and_by_a_link(app_house):
    for way in (by_query, by_header, post):
        client = app_house.client()
        answer = way(client, rs256())
        assert answer.status_code == 200, answer.text
        assert answer.json["return_to"] == "/"
        user = answer.json["user"]
        assert (user["username"], user["email"], user["display_name"]) == ("user-123", "john@example.com", "John Doe")
        assert who(client)
    [person] = app_house.rows("SELECT * FROM person")
    assert json.loads(person["roles"]) == ["user"] and json.loads(person["permissions"]) == [
        "reports:read:own",
        "users:read",
    ]
    assert not person["is_admin"] and person["password_hash"] is None
    page = follow(app_house.client(), rs256(redirect_url="/account"), LINKED)
    assert page.status_code == 200 and "user-123" in page.text
    # Its own default, an hour, is longer than an issuer's tokens last here unless somebody says so.
    assert post(app_house.client(), rs256(expires_in=3600)).json["code"] == "claims_invalid"


def test_the_hs256_example_signs_in_by_header_and_body_where_tokens_are_not_for_one_time(sqlite_house):
    sqlite_house.clock.now = time.time()
    make_issuer(sqlite_house, algorithm="HS256", secret=SECRET_KEY, one_time=False, max_lifetime=3600, **APP)
    for options in ({"expires_in": 300}, {}):
        sent = create_hs256_token(USER, TENANT, **options)
        assert [way(sqlite_house.client(), sent).status_code for way in (by_header, post, post)] == [200] * 3
        assert by_query(sqlite_house.client(), sent).json["code"] == "claims_invalid"


def test_the_issuer_of_the_rs256_example_set_anew_to_hs256_takes_the_other_and_knows_whom_it_knew(app_house):
    """Both examples have one `iss`: an administrator gives the issuer the other algorithm, by its pages."""
    make_person(app_house, "ada", is_admin=True)
    app_house.ada = app_house.signed_in("ada")
    first, old = post(app_house.client(), rs256()).json["user"], rs256()
    path = f"/admin/issuers/{app_house.rows('SELECT id FROM trusted_issuer')[0]['id']}"

    key = {"algorithm": "HS256", "how": "secret_pasted", "secret": SECRET_KEY, "secret_encoding": "text"}
    assert send(app_house, f"{path}/key", **key).status_code == 303
    # Each token of it is good once still, and this example's have no `jti`.
    assert post(app_house.client(), create_hs256_token(USER, TENANT, expires_in=300)).json["code"] == "claims_invalid"
    settings = {**settings_of(app_house, path), "max_lifetime": "3600"}
    del settings["one_time"]  # A box that is not ticked is not sent.
    assert send(app_house, path, **settings).status_code == 303

    for options in ({"expires_in": 300}, {}):
        for way in (by_header, post):
            answer = way(app_house.client(), create_hs256_token(USER, TENANT, **options))
            assert (answer.status_code, answer.json["user"]) == (200, first), answer.text
    assert [way(app_house.client(), old).json["code"] for way in WAYS] == ["invalid_token"] * 3
    assert len(app_house.rows("SELECT * FROM identity")) == 1


def test_convergences_payload_makes_jsmith_and_updates_him_the_next_time(sqlite_house):
    now = int(sqlite_house.clock())
    make_issuer(
        sqlite_house, None, name="convergence", algorithm="RS256", keys=[("myDomainKey", PAIR.public)], audience="Convergence",
        one_time=False, create_people=True,
        attribute_map={"first_name": "firstName", "last_name": "lastName", "display_name": "displayName", "email": "email"},
    )  # fmt: skip
    payload = {
        "iat": now, "nbf": now, "exp": now + 60, "aud": "Convergence", "sub": "jsmith",
        "firstName": "John", "lastName": "Smith", "displayName": "John Smith", "email": "jsmith@example.test",
    }  # fmt: skip

    def come_in(way, **changed):
        sent = jwt.encode({**payload, **changed}, private_key(), algorithm="RS256", headers={"kid": "myDomainKey"})
        return way(sqlite_house.client(), sent)

    first = come_in(post)
    again = come_in(by_header, displayName="Johnny Smith", email="johnny@example.test")

    assert (first.status_code, again.status_code) == (200, 200), (first.text, again.text)
    assert first.json["user"] | {"id": 0} == {
        "id": 0, "username": "jsmith", "email": "jsmith@example.test", "display_name": "John Smith",
    }  # fmt: skip
    assert again.json["user"] == first.json["user"] | {"display_name": "Johnny Smith", "email": "johnny@example.test"}
    assert len(sqlite_house.rows("SELECT * FROM person")) == 1
    [revised] = sqlite_house.log("person.revised")
    assert json.loads(revised["detail"])["fields"] == ["email", "display_name"]


# A real server


class Served:
    """A site that listens on localhost, and beside it another server of the same site: an application."""

    def __init__(self, make_house, answer):
        self.port, self.app_port = free_port(), free_port()
        self.url, self.app = f"http://localhost:{self.port}", f"http://localhost:{self.app_port}"
        self.other_site = f"http://127.0.0.1:{self.app_port}"
        self.house = make_house(BIND=f"127.0.0.1:{self.port}")
        self.house.clock.now = time.time()
        self._server = make_server(
            "127.0.0.1", self.app_port, lambda *asked: answer(self, *asked), threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def trust(self, **more):
        fields = {"keys": [("your-key-id", PAIR.public)], "return_to": [self.app, self.other_site], **APP, **more}
        return make_issuer(self.house, algorithm="RS256", start_url=f"{self.other_site}/sso", **fields)


AJAX = """<!doctype html><title>App</title><p id="said"></p><script>
async function authenticateWithJWT(token) {
  try {
    const response = await fetch('%s/auth/jwt', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Accept': 'application/json'
      },
      body: JSON.stringify({ token: token }),
      credentials: 'include' // Important: include cookies
    });
    if (response.ok) {
      const result = await response.json();
      return result;
    } else {
      const error = await response.json();
      throw new Error(error.error || 'Authentication failed');
    }
  } catch (error) {
    throw error;
  }
}
</script>"""


def answer_as_app(site, environ, start_response):
    """Serve the page with the AJAX example, a page with a link, a sign-in that sends back, and where one goes on."""
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
    to = f"{site.url}/auth/jwt?token={rs256(redirect_url=query['to'][0] if 'to' in query else None)}"
    if path == "/sso":
        start_response("303 See Other", [("Location", to)])
        return [b""]
    pages = {
        "/link": f'<!doctype html><title>Link</title><a href="{to}">In</a>',
        "/on": "<!doctype html><title>On</title>went on",
    }
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [(pages.get(path) or AJAX % site.url).encode()]


@pytest.fixture
def make_sqlite_house(sqlite_house):
    made = []

    def make(**overrides):
        made.append(House({**sqlite_house.overrides, **overrides}))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def live(make_sqlite_house):
    with Served(make_sqlite_house, answer_as_app) as site, served(site.house):
        yield site


def test_the_three_curl_commands(live):
    if not shutil.which("curl"):
        skip_or_fail("There is no curl on the PATH")
    live.trust()
    commands = (
        'curl "HOST/auth/jwt?token=YOUR_JWT_TOKEN"',
        'curl -H "Authorization: Bearer YOUR_JWT_TOKEN" "HOST/auth/jwt"',
        """curl -X POST "HOST/auth/jwt" -H "Content-Type: application/json" -d '{"token": "YOUR_JWT_TOKEN"}'""",
    )
    for command in commands:
        given = command.replace("HOST", live.url).replace("YOUR_JWT_TOKEN", rs256())
        done = subprocess.run(given, shell=True, capture_output=True, text=True, timeout=20, check=True)
        found = json.loads(done.stdout)
        assert (found["user"]["username"], found["return_to"]) == ("user-123", "/"), command
    assert len(live.house.rows("SELECT * FROM session")) == 3


def test_the_ajax_example_of_a_listed_origin_in_a_browser(live, chromium):  # noqa: F811 — the fixture.
    live.trust()
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(live.app)
    call = "token => authenticateWithJWT(token).then(result => JSON.stringify(result), error => error.message)"

    sent = rs256()
    result = json.loads(page.evaluate(call, sent))
    assert (result["user"]["username"], result["return_to"]) == ("user-123", "/")
    assert page.evaluate(call, sent) == "Token has already been used"
    assert page.evaluate(call, "x") == "Invalid token"
    page.goto(live.url + "/account")
    assert "John Doe" in page.content(), "the cookie came with the answer, and is sent"

    # A page that nobody lists learns nothing, whatever it sends, and signs nobody in.
    context.clear_cookies()
    page.goto(live.app.replace("localhost", "sub.localhost") + "/")
    assert page.evaluate(call, rs256()) == "Failed to fetch"
    page.goto(live.url + "/account")
    assert "/login" in page.url
    context.close()


def test_a_link_a_start_and_a_refused_link_in_a_browser(live, chromium, tmp_path):  # noqa: F811 — the fixture.
    live.trust(name="app")
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    referers = []
    page.on("request", lambda request: referers.append(request.headers.get("referer", "")))

    # A link of another site asks; the button signs in and leads on to another origin, which the policy lets through.
    page.goto(f"{live.other_site}/link?to={live.other_site}/on")
    page.get_by_role("link", name="In").click()
    page.get_by_role("heading", name="Sign in as user-123?").wait_for()
    see_that_it_holds(page)
    page.screenshot(path=tmp_path / "ask.png", full_page=True)
    page.get_by_role("button", name="Sign in as user-123").click()
    page.wait_for_url(f"{live.other_site}/on")
    page.goto(live.url + "/account")
    assert "John Doe" in page.content() and wrong == []

    # The same link again is refused on a page; signing out works there, for its forms say where they come from.
    page.goto(f"{live.other_site}/link")
    address = page.get_by_role("link", name="In").get_attribute("href")
    page.goto(address)
    assert urlsplit(page.url).path == "/", "typed, and by whom is signed in already: at once"
    page.goto(address)
    page.get_by_role("heading", name="Token has already been used").wait_for()
    see_that_it_holds(page)
    page.screenshot(path=tmp_path / "refused.png", full_page=True)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")

    # Who begins here is asked nothing.
    page.goto(f"{live.url}/login")
    page.evaluate("location.href = '/auth/jwt/start/app?next=/help'")
    page.wait_for_url("**/help")
    assert "John Doe" in page.content()
    assert not [each for each in referers if "token=" in each], "no Referer tells an address with a token"
    context.close()
