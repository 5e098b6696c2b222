"""A relying party's way round: a portal's token signs in at one Mintmark, whose token signs in at a second one that trusts its key set."""

import base64
import http.client
import json
import shutil
import time
import uuid
from urllib.parse import urlsplit

import jwt
import pytest

from tests.conftest import SEALING_KEY, House
from tests.making import change_asset, key_pair, make_asset, make_issuer, make_key, make_next_key
from tests.serving import free_port, served

pytestmark = pytest.mark.slow
PORTAL = "https://your-app.test"
LIFETIME = 300
PATH = "integrations/second-site"
TEMPLATE = """{
  "iss": "%s", "aud": "second-mintmark", "sub": "{{ user.username }}",
  "email": {{ user.email }}, "name": {{ user.display_name }}, "roles": {{ user.roles }}
}"""


@pytest.fixture
def make_site(tmp_path, empty_sqlite):
    """Build sites of their own, each with its database and its port."""
    made = []

    def make(name, **overrides):
        instance = tmp_path / name
        instance.mkdir(mode=0o700)
        shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
        overrides |= {"BIND": f"127.0.0.1:{free_port()}", "SQLITE_SYNCHRONOUS": "normal"}
        made.append(House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, **overrides}))
        made[-1].clock.now = float(int(time.time()))
        return made[-1]

    yield make
    for house in made:
        house.close()


class Browser:
    """Somebody who keeps the cookie of one site."""

    def __init__(self, address):
        self.at, self.cookie = urlsplit(address).netloc, ""

    def get(self, path, **headers):
        connection = http.client.HTTPConnection(self.at, timeout=10)
        try:
            connection.request("GET", path, headers={**headers, "Cookie": self.cookie} if self.cookie else headers)
            answer = connection.getresponse()
            self.cookie = (answer.headers["Set-Cookie"] or self.cookie).partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def sign_in(self, token):
        """Sign in as a program does, and return the status and who it is, or the code of the refusal."""
        status, body = self.get("/auth/jwt", Authorization=f"Bearer {token}")
        found = json.loads(body)
        return status, found["user"]["username"] if status == 200 else found["code"]


def authonomy_token(house, private_key):
    """Return what the guide's Python example makes, for five minutes."""
    now = int(house.clock())
    payload = {
        "iss": PORTAL,
        "sub": "user-123",
        "aud": "authonomy",
        "exp": now + LIFETIME,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "email": "john@example.com",
        "tenant_id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "John Doe",
        "roles": ["user"],
        "permissions": ["users:read", "reports:read:own"],
        "redirect_url": None,
        "metadata": {"department": "Engineering"},
    }
    return jwt.encode(payload, private_key, algorithm="RS256", headers={"kid": "your-key-id"})


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def advance(houses, seconds):
    for house in houses:
        house.clock.advance(seconds)


@pytest.mark.parametrize(
    ("algorithm", "key_set"), [("ES256", "/.well-known/jwks/" + PATH), ("RS256", "/.well-known/jwks.json")]
)
def test_a_token_of_one_site_signs_in_at_another_through_a_key_rotation(make_site, algorithm, key_set):
    first = make_site("first")
    url = f"http://{first.mint.settings.bind}"
    second = make_site("second", FETCH_ALSO=url)
    portal_key = key_pair("RS256", 7)
    make_issuer(
        first,
        PORTAL,
        algorithm="RS256",
        keys=[("your-key-id", portal_key.public)],
        audience="authonomy",
        required_claims=["email", "tenant_id"],
        create_people=True,
        username_prefix="portal-",
        attribute_map={"email": "email", "display_name": "name"},
        roles_claim="roles",
        permissions_claim="permissions",
    )
    make_key(first, "first-2026", algorithm)
    make_asset(first, PATH, TEMPLATE % url, signing_key="first-2026", algorithm=algorithm, lifetime=LIFETIME)
    make_issuer(
        second,
        url,
        name="first",
        algorithm=algorithm,
        jwks_url=url + key_set,
        audience="second-mintmark",
        create_people=True,
        attribute_map={"email": "email", "display_name": "name"},
        roles_claim="roles",
    )
    with served(first) as at_first, served(second) as at_second:
        john = Browser(at_first)
        assert john.sign_in(authonomy_token(first, portal_key.private)) == (200, "portal-user-123")

        def fetch():
            status, token = john.get("/" + PATH)
            assert status == 200, token
            return token

        def come_in(token):
            return Browser(at_second).sign_in(token)

        one = fetch()
        assert come_in(one) == (200, "portal-user-123")
        assert come_in(one) == (401, "token_used")
        browser = Browser(at_second)
        assert browser.sign_in(fetch())[0] == 200 and browser.get("/account")[0] == 200
        [person] = second.rows("SELECT * FROM person")
        assert (person["email"], person["display_name"], json.loads(person["roles"])) == (
            "john@example.com",
            "John Doe",
            ["user"],
        )

        # The next key is published beside the old one, which signs for six minutes more: what verifiers keep stays good.
        make_next_key(first, "first-2026", "first-2027")
        advance((first, second), 200)
        old = fetch()
        assert kid_of(old) == "first-2026" and come_in(old) == (200, "portal-user-123")
        advance((first, second), 155)
        last = fetch()
        assert kid_of(last) == "first-2026"

        # It signs: the first token of it makes the second site look again, and the last of the old one is still good.
        advance((first, second), 10)
        new = fetch()
        assert kid_of(new) == "first-2027"
        assert [come_in(new), come_in(last)] == [(200, "portal-user-123")] * 2
        assert come_in(new) == (401, "token_used")

        # A token that the second site's own key set does not hold, or that is for somebody else, stays out.
        header, payload, signature = fetch().split(".")
        assert come_in(f"{header}.{payload}.{signature[:-4]}AAAA") == (401, "invalid_token")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        forged = jwt.encode(claims, key_pair(algorithm, 8).private, algorithm=algorithm, headers={"kid": "first-2027"})
        assert come_in(forged) == (401, "invalid_token")
        change_asset(first, PATH, template=(TEMPLATE % url).replace("second-mintmark", "third"))
        assert come_in(fetch()) == (401, "claims_invalid")
    assert len(second.rows("SELECT * FROM person")) == 1 and len(second.rows("SELECT * FROM identity")) == 1
