"""Tokens of somebody whom the site trusts, signed anew for each use, and the three ways by which they come."""

import itertools
import json

import jwt

from tests.conftest import SECRET

ISSUER = "https://portal.test"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
# What a browser says of somebody who followed a link on another site, and of somebody who typed the address.
LINKED = {"Accept": HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
TYPED = {**LINKED, "Sec-Fetch-Site": "none"}
_numbers = itertools.count()


def token(house, sub="ben", *, key=SECRET, algorithm="HS256", headers=None, without=(), **claims):
    """Return a good token of the issuer of `make_issuer`, changed by the given claims."""
    now = int(house.clock())
    found = {"iss": ISSUER, "sub": sub, "aud": "mintmark", "iat": now, "exp": now + 240, "jti": f"jti-{next(_numbers)}"}
    found = {name: value for name, value in {**found, **claims}.items() if name not in without}
    return jwt.encode(found, key, algorithm=algorithm, headers=headers)


def post(client, token, *, headers=None, **more):
    """Send a token in the body."""
    return client.post("/auth/jwt", json={"token": token, **more}, headers=headers)


def by_header(client, token, **options):
    """Send a token as a Bearer."""
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    return client.get("/auth/jwt", headers=headers, **options)


def by_query(client, token, *, headers=None, **more):
    """Send a token in the address, as curl does."""
    return client.get("/auth/jwt", query_string={"token": token, **more}, headers={"Accept": "*/*", **(headers or {})})


def follow(client, token, headers=LINKED, **more):
    """Follow a link with a token, as a browser does."""
    return client.get("/auth/jwt", query_string={"token": token, **more}, headers=headers)


WAYS = (post, by_header, by_query)


def refusal(answer):
    """Return what an answer in JSON says of a refusal."""
    assert answer.mimetype == "application/json", answer.text
    found = json.loads(answer.text)
    assert found.keys() == {"error", "code"}
    return answer.status_code, found["error"], found["code"]


def who(client):
    """Return who is signed in in this browser, None where nobody is."""
    with client.session_transaction() as cookie:
        session_id = cookie.get("_user_id")
    if session_id is None or client.get("/account").status_code != 200:
        return None
    return session_id
