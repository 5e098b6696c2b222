"""What the site asks of others fails in every way: key sets of issuers, and an OpenID provider.

Whoever signs in by password notices nothing of it, keys that were read once go on for a day, and nobody
comes in by what could not be looked at (OWASP ASVS 16.5.2).
"""

import http.client
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

from mintmark.models import db, writing
from tests import openid_provider
from tests.arrivals import token
from tests.conftest import PASSWORD, House
from tests.elsewhere import elsewhere, json_answer
from tests.faults.scale import scaled
from tests.faults.service import NO_LIMITS
from tests.faults.several import STARTS_WITHIN
from tests.faults.witness import SLACK
from tests.making import key_pair, make_identity, make_issuer, make_person, make_provider
from tests.openid_provider import CLIENT_SECRET
from tests.serving import Service

pytestmark = pytest.mark.timeout(900)
WAITS = 3  # Seconds that this site waits for another.
PEOPLE = 2  # that sign in by password all the while


class Door:
    """Sign-ins over HTTP, without a pause, by one person; `answers` are (status, seconds)."""

    def __init__(self, port, act):
        self.port, self.act = port, act
        self.answers, self.errors = [], []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stopped.set()
        self._thread.join()

    def _go_on(self):
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self.answers.append((self.act(self.port), time.monotonic() - began))
            except OSError as error:
                self.errors.append(error)
                time.sleep(0.1)


def ask(port, method, path, headers, body=None):
    """Return status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def by_password(username):
    """Return what signs this person in by the form."""

    def sign_in(port):
        _, headers, text = ask(port, "GET", "/login", {})
        cookie = SimpleCookie(headers["Set-Cookie"])["mintmark"].value
        fields = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', text)[1], "username": username}
        sent = {"Cookie": f"mintmark={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
        return ask(port, "POST", "/login", sent, urlencode({**fields, "password": PASSWORD}))[0]

    return sign_in


def by_token(make):
    """Return what signs in by a token that is made anew each time."""

    def sign_in(port):
        return ask(port, "GET", "/auth/jwt", {"Authorization": f"Bearer {make()}"})[0]

    return sign_in


@contextmanager
def everybody(*doors):
    """All these at once, within."""
    entered = []
    try:
        for door in doors:
            entered.append(door.__enter__())
        yield
    finally:
        for door in entered:
            door.__exit__()


class Site:
    """A house and its service in processes of its own; people p0, p1 … have passwords."""

    def __init__(self, overrides, folder):
        self.house = House({**overrides, **NO_LIMITS})
        self.house.clock.now = time.time()
        self.service = Service(self.house.overrides, folder / "service.log")
        for number in range(PEOPLE):
            make_person(self.house, f"p{number}")

    def by_password(self):
        """Return doors by which people sign in all the while."""
        return [Door(self.service.port, by_password(f"p{number}")) for number in range(PEOPLE)]

    def age(self, seconds=400):
        """Let what was fetched be older than it is kept without being asked for again."""
        with self.house.app.app_context(), writing() as session:
            aged = "UPDATE fetched_document SET tried_at = tried_at - :by, fetched_at = fetched_at - :by"
            session.execute(db.text(aged), {"by": seconds})

    def close(self):
        self.service.stop()
        self.house.close()


@pytest.fixture
def make_site(tmp_path, sqlite_house):
    made = []

    def make(**overrides):
        made.append(Site({**sqlite_house.overrides, "WORKERS": "2", **overrides}, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()


def assert_passwords_work(doors):
    """Everybody who typed a password came in, and quickly."""
    answers = [answer for door in doors for answer in door.answers]
    statuses = Counter(status for status, _ in answers)
    assert not any(door.errors for door in doors)
    # Passwords cost work, and bodies a thread: of those who come at once some are asked to come again, also without a fault.
    assert all(303 in {status for status, _ in door.answers} for door in doors) and statuses.keys() <= {303, 503}
    assert statuses[503] <= statuses[303], statuses
    slowest = max(seconds for _, seconds in answers)
    assert slowest < SLACK
    return statuses[303], slowest


# Key sets of issuers


def slowly(handler):
    """Say one byte after the other, for longer than anybody waits."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    for _ in range(40):
        handler.wfile.write(b" ")
        time.sleep(0.25)


def silent(_handler):
    time.sleep(WAITS + 2)


def hugely(handler):
    """Say ten megabytes, or as many as are taken."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(160):
        handler.wfile.write(b'"' + b"x" * 65_535)


WITHOUT_KEYS = "with no good key"
FAULTS = {
    "silent": silent,
    "slow": slowly,
    "huge": hugely,
    "redirecting": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "failing": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "hanging up": b"",
    "malformed": json_answer(b'{"keys": ['),
    "no key set": {"keys": "none"},
    WITHOUT_KEYS: {"keys": [{"kty": "oct", "kid": "k0", "k": "c2VjcmV0LW9mLXNvbWVib2R5"}, {}]},
}


def key_set(*numbers):
    return {"keys": [{**key_pair("ES256", number).public, "kid": f"k{number}"} for number in numbers]}


def good_token(house, number=0):
    """Return what makes tokens of the issuer, signed with one of its keys."""
    return lambda: token(house, key=key_pair("ES256", number).private, algorithm="ES256", headers={"kid": f"k{number}"})


def test_a_key_set_that_cannot_be_had_keeps_nobody_out_who_has_a_password_nor_the_last_good_keys(make_site, told):
    with elsewhere() as other:
        site = make_site(FETCH_ALSO=other.origin())
        house, port = site.house, site.service.port
        issuer = make_issuer(house, algorithm="ES256", jwks_url=other.url())
        make_person(house, "ben", password=None)
        make_identity(house, issuer, "ben", "ben")
        house.clock = time.time  # Tokens are made while time passes.
        other.answers["/jwks"] = key_set(0)
        site.service.start(within=STARTS_WITHIN)
        assert by_token(good_token(house))(port) == 200

        entered, slowest, refused = 0, 0.0, Counter()
        for name, fault in FAULTS.items():
            # When the key set is old, and where it was is this instead.
            other.answers["/jwks"], asked = fault, len(other.asked)
            site.age()
            passwords = site.by_password()
            known, unknown = (Door(port, by_token(good_token(house, number))) for number in (0, 1))
            with everybody(*passwords, known, unknown):
                time.sleep(scaled(5.0, least=0.6))
            # Then it was asked for; passwords work; the last good keys do, but where a key set came that took them away.
            assert len(other.asked) > asked, name
            count, seconds = assert_passwords_work(passwords)
            entered, slowest = entered + count, max(slowest, seconds)
            assert not known.errors and not unknown.errors
            good = {status for status, _ in known.answers}
            assert good == {200} if name != WITHOUT_KEYS else 401 in good, (name, good)
            # And nobody comes in by a key that nobody could look at; nobody waits for long.
            refused.update(status for status, _ in unknown.answers)
            assert {status for status, _ in unknown.answers} <= {401, 503}, name
            assert max(seconds for _, seconds in (*known.answers, *unknown.answers)) < WAITS + SLACK, name
            other.answers["/jwks"] = key_set(0)

        # And what it publishes at last is used as soon as it is asked again.
        other.answers["/jwks"] = key_set(0, 1)
        site.age()
        began = time.monotonic()
        assert by_token(good_token(house, 1))(port) == 200
        recovered = time.monotonic() - began
    # Then it is down altogether.
    site.age()
    passwords, known = site.by_password(), Door(port, by_token(good_token(house, 1)))
    with everybody(*passwords, known):
        time.sleep(scaled(5.0, least=0.6))
    count, seconds = assert_passwords_work(passwords)
    assert {status for status, _ in known.answers} == {200}
    words = f"in {len(FAULTS) + 1} ways, {entered + count} sign-ins by password, slowest {max(slowest, seconds):.2f} s"
    words += f", {refused.total()} refused of an unknown key, recovered in {recovered:.2f} s"
    told("key set out of order", words)


# An OpenID provider


def test_a_provider_that_hangs_or_is_gone_is_said_clearly_and_keeps_nobody_else_out(make_site, told):
    with openid_provider.running("http://127.0.0.1:8000", secret=CLIENT_SECRET) as provider:
        site = make_site(FETCH_ALSO=provider.issuer)
        make_provider(site.house, provider.issuer, secret=CLIENT_SECRET)
        site.service.start(within=STARTS_WITHIN)
        provider.knobs.slow = {"/.well-known/openid-configuration": WAITS + 2}
        hanging, entered, first = see_provider_away(site)
    gone, more, second = see_provider_away(site)
    words = f"{hanging + gone} were told so, {entered + more} signed in by password, slowest {max(first, second):.2f} s"
    told("OpenID provider hung, then gone", words)


def see_provider_away(site):
    """See that people hear that it is away while others come in; return how many heard it, came in, and the slowest."""
    texts = []

    def begin(port):
        status, headers, text = ask(port, "GET", "/auth/oidc/campus", {})
        texts.append((text, headers["Retry-After"]))
        time.sleep(0.02)
        return status

    passwords = site.by_password()
    strangers = [Door(site.service.port, begin) for _ in range(4)]
    with everybody(*passwords, *strangers):
        time.sleep(scaled(20.0, least=3.5))
    count, slowest = assert_passwords_work(passwords)
    told = [answer for door in strangers for answer in door.answers]
    assert {status for status, _ in told} == {503} and not any(door.errors for door in strangers)
    assert max(seconds for _, seconds in told) < WAITS + SLACK
    assert all("/login" in text and wait for text, wait in texts)
    return len(told), count, slowest
