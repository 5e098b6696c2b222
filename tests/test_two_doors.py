"""Tokens leave by a door in front of Flask; asked behind it, Flask's URL map answers the same.

One table of requests is walked through both: status, body and headers are the same, but for ids and moments.
"""

import base64
import json

import pytest
from flask import Flask
from werkzeug.test import Client

from mintmark.web.environ import Environ
from tests.making import make_asset, make_person

ORIGIN = "https://app.example.test"
JSON = {"form": "json", "field": "token", "beside": {"v": 1}, "methods": ["GET", "POST"]}
# what is asked → method, path, headers, who asks.
TABLE = {
    "a token": ("GET", "/desk", {}, "ben"),
    "a token with a parameter": ("GET", "/desk?room=a&other=x", {}, "ben"),
    "a parameter given twice": ("GET", "/desk?room=a&room=b", {}, "ben"),
    "a parameter that is none": ("GET", "/desk?room=%00", {}, "ben"),
    "a token in JSON": ("GET", "/json", {}, "ben"),
    "a post": ("POST", "/json", {"Content-Type": "application/json"}, "ben"),
    "a post of something else": ("POST", "/json", {"Content-Type": "text/plain"}, "ben"),
    "a method that is not answered": ("POST", "/desk", {}, "ben"),
    "a method in small letters": ("get", "/desk", {}, "ben"),
    "HEAD": ("HEAD", "/desk", {}, "ben"),
    "a listed origin": ("GET", "/desk", {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, "ben"),
    "another origin": ("GET", "/desk", {"Origin": "https://evil.test"}, "ben"),
    "a preflight": ("OPTIONS", "/desk", {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}, None),
    "a preflight of another origin": ("OPTIONS", "/desk", {"Origin": "https://evil.test", "Access-Control-Request-Method": "GET"}, None),
    "OPTIONS of nobody": ("OPTIONS", "/desk", {}, None),
    "a prefetch": ("GET", "/desk", {"Sec-Purpose": "prefetch"}, "ben"),
    "a stranger": ("GET", "/desk", {}, None),
    "somebody who is no reader": ("GET", "/closed", {}, "ben"),
    "an asset that fails": ("GET", "/failing", {}, "ben"),
    "an asset that is off": ("GET", "/off", {}, "ben"),
    "no asset": ("GET", "/nothing/here", {}, "ben"),
    "another host": ("GET", "/desk", {"Host": "evil.test"}, "ben"),
    "no UTF-8": ("GET", "/desk?x=%ff", {}, "ben"),
    "a wrong cookie": ("GET", "/desk", {"Cookie": "mintmark=eyJfdXNlcl9pZCI6IjEifQ.a.b"}, None),
    "a cookie beside others": ("GET", "/desk", {}, "ben"),
    "an access token that is none": ("GET", "/desk", {"Authorization": "Bearer mm_x"}, "ben"),
}  # fmt: skip


def readable(answer):
    """Return what two answers have in common, with the claims of a token in its place."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("Mintmark-Request", "Date")}
    headers = {name: value for name, value in headers.items() if name != "Content-Length" or value != "0"}
    text = answer.get_data(as_text=True)
    token = json.loads(text)["token"] if text.startswith("{") else text
    claims = {}
    if token:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        claims.pop("jti")
        headers.pop("Content-Length")
    assert len(answer.headers["Mintmark-Request"]) == 16
    return answer.status_code, headers, bool(text), claims


@pytest.fixture
def doors(sqlite_house):
    """The door in front, and Flask behind it."""
    make_person(sqlite_house, "ben")
    fields = {"params": [{"name": "room"}], "origins": [ORIGIN]}
    make_asset(sqlite_house, "desk", **fields)
    make_asset(sqlite_house, "json", answer=JSON)
    make_asset(sqlite_house, "closed", readers=[])
    make_asset(sqlite_house, "failing", '{"sub": "{{ user.email }}"}')
    make_asset(sqlite_house, "off", live=False)
    app, settings = sqlite_house.app, sqlite_house.mint.settings
    behind = Environ(Flask.wsgi_app.__get__(app), settings, body_limit=65_536)
    return Client(app.wsgi_app, use_cookies=False), Client(behind, use_cookies=False)


def test_both_doors_give_the_same_answers(sqlite_house, doors):
    cookie = "mintmark=" + sqlite_house.signed_in("ben").get_cookie("mintmark").value
    print(f"{len(TABLE)} requests by each door")

    for name, (method, path, headers, who) in TABLE.items():
        cookies = {"Cookie": f"other=1; {cookie}; x=y"} if who else {}
        body = b'{"room": "a"}' if method == "POST" else None
        asked = {"method": method, "headers": {**cookies, **headers}, "data": body}
        in_front, behind = (readable(door.open(path, **asked)) for door in doors)
        assert (name, *in_front) == (name, *behind)
        sqlite_house.clock.advance(61)  # Refusals of a known person are rows once a minute.


def test_each_door_tells_the_log_the_same(sqlite_house, doors):
    cookie = "mintmark=" + sqlite_house.signed_in("ben").get_cookie("mintmark").value
    told = []
    for door in doors:
        before = len(sqlite_house.log())
        for path in ("/desk", "/failing", "/closed"):
            door.get(path, headers={"Cookie": cookie})
        rows = [{**row, "id": 0, "at": 0, "jti": 0, "request": 0} for row in sqlite_house.log()[before:]]
        told.append(rows)
        sqlite_house.clock.advance(61)

    assert told[0] == told[1]
    assert [row["event"] for row in told[0]] == ["token.issued", "token.failed", "token.refused"]
