"""Tokens without a pause through a whole rotation, on several nodes: none fails that should not, none passes that should not.

Relying parties cache the key set for five minutes (max-age of RFC 9111 §5.2.2.1, OpenID Connect Core
§10.1.1). The nodes' clocks run fast. Every key set that was published is kept with its moments, so that each
token is verified with what parties with caches of any age had: when it was issued, and just before it expired.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from joserfc.jwk import OctKey

from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.keys import changing, making, rings
from mintmark.models import writing
from mintmark.tokens import Signer
from tests.conftest import SECRET, House
from tests.fast_site import fast_clock
from tests.faults.scale import SCALE
from tests.faults.several import STARTS_WITHIN, Calm
from tests.making import key_pair, make_asset, make_key, make_person
from tests.relying_party import KeySets, Token
from tests.serving import ROOT, free_port

pytestmark = pytest.mark.timeout(600)
# On both databases in `make faults`; else each on one of them, for a rotation takes as long at any scale.
ALSO = ["sqlite", "postgresql"] if SCALE >= 1 else []
LIFETIME, CACHE = 60, 300
AGES = (0, 150, 300)  # of the parties' key sets, in seconds
CLIENTS = 3
NEXT_SECRET = "the-secret-that-follows-at-the-help-desk-9876"


class FastSite:
    """A house and nodes over one database, whose clocks run fast."""

    def __init__(self, overrides, speed, nodes):
        self.house = House({**overrides, "LIMIT_TOKENS": "999999 per minute", "SESSION_IDLE": "86400"})
        self.speed, self.ports = speed, [free_port() for _ in range(nodes)]
        make_person(self.house, "ben")

    @contextmanager
    def running(self):
        """Start all nodes; from then on the clock runs."""
        began = time.monotonic()
        self.house.clock = self.house.mint.clock = fast_clock(began, self.speed)
        settings = {"MINTMARK_" + name: value for name, value in self.house.overrides.items()}
        fast = {"FAST_BEGAN": str(began), "FAST_SPEED": str(self.speed)}
        with ExitStack() as stack:
            for port in self.ports:
                command = [sys.executable, "-m", "tests.fast_site"]
                environ = {**os.environ, **settings, **fast, "FAST_PORT": str(port)}
                process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=environ))
                stack.callback(process.terminate)
            for port in self.ports:
                self._wait_for(port)
            yield

    def _wait_for(self, port):
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                return ask(port, "/login")
            except OSError:
                assert time.monotonic() < deadline, "a node did not start"
                time.sleep(0.05)

    @property
    def now(self):
        return self.house.clock()

    def until(self, moment):
        """Wait until the fast clock shows a moment."""
        time.sleep(max(0.0, (moment - self.now) / self.speed))

    @contextmanager
    def acting(self):
        """An act of an administrator, now."""
        with self.house.app.app_context(), writing():
            yield {"sealer": self.house.mint.settings.sealer, "by": self.house.by()}

    @contextmanager
    def fetching(self, path):
        """Clients that fetch tokens from every node all the while; yields a list that is filled at the end."""
        cookie = "mintmark=" + self.house.signed_in("ben").get_cookie("mintmark").value
        clients, tokens = [Calm(SimpleNamespace(port=port), path, [cookie] * CLIENTS) for port in self.ports], []
        with ExitStack() as stack:
            for each in clients:
                stack.enter_context(each)
            yield tokens
        statuses = sum((Counter(each.statuses) for each in clients), Counter())
        assert set(statuses) <= {200, 503} and statuses[503] <= statuses[200] // 10, statuses
        for each in clients:
            tokens += [Token(token) for token in each.tokens]


@pytest.fixture
def make_site(database):
    """Build a fast site on the empty database, with a speed and a number of nodes of one's own."""
    made = []

    def make(speed, nodes):
        made.append(FastSite(database, speed, nodes))
        return made[-1]

    yield make
    for site in made:
        site.house.close()


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Published(KeySets):
    """The key sets that the nodes of a site publish, asked for in turn all the while."""

    def __init__(self, site, path):
        super().__init__()
        self.site, self.path = site, path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._fetch(0)
        self._thread.start()
        self.site.until(self.site.now + 2)  # A token’s `iat` is a whole second.
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        number = 0
        while not self._stop.wait(0.04):
            number += 1
            self._fetch(number)

    def _fetch(self, number):
        asked_at = self.site.now
        status, body = ask(self.site.ports[number % len(self.site.ports)], self.path)
        assert status == 200
        self.add(asked_at, self.site.now, body)


# Signing keys


def follow(site, ring_id, key_id, number):
    """Let a key that the test knows follow; return it."""
    with site.acting() as act:
        return making.follow(ring_id, key_pair("ES256", number), key_id, **act).signs_from_at


@pytest.mark.parametrize("database", ALSO or ["postgresql"], indirect=True)
def test_no_token_fails_while_one_key_follows_the_other_and_none_passes_when_its_key_is_gone(make_site, told):
    site = make_site(speed=60, nodes=3)
    make_key(site.house, "one", "ES256", number=0)
    make_asset(site.house, "a", '{"aud": "a", "sub": "{{ user.username }}"}', signing_key="one", lifetime=LIFETIME)
    with site.house.app.app_context():
        ring_id = rings.find_key("one").ring_id

    # When, under load, `two` follows `one` until that is gone, and is revoked at last.
    with site.running(), Published(site, "/.well-known/jwks/a") as published, site.fetching("/a") as tokens:
        site.until(site.now + 2 * LIFETIME)
        switch = follow(site, ring_id, "two", 1)
        site.until(switch + 1)
        with site.house.app.app_context():
            one, two = rings.keys_of(ring_id)
            gone, key_id = one.gone_at, two.id
        assert (one.retired_at, gone) == (switch, switch + LIFETIME + 60 + CACHE)
        site.until(gone + CACHE + 60)
        with site.acting() as act:
            before = site.now
            changing.revoke(rings.get_key(key_id), key_pair("ES256", 2), "three", **act)
        revoked = site.now
        site.until(revoked + 2 * LIFETIME)

    # Then every token is good with any cache, when it is issued and just before it expires.
    in_force = [token for token in tokens if token.kid != "three" and token.exp < before]
    verified, ahead = 0, 0
    for token in in_force:
        for moment in (token.iat, token.exp - 0.001):
            for age in AGES:
                assert token.is_good(published.cached(moment, age)), (token.kid, token.iat - switch, moment, age)
                verified += 1
        ahead += token.kid == "two" and token.iat - CACHE < switch
    # And each was signed by whose turn it was, to the second, on all nodes.
    assert {token.kid for token in tokens} == {"one", "two", "three"} and ahead
    assert all((token.kid == "one") == (token.iat < switch) for token in tokens)
    # And when a key is gone, nothing that it signed passes, however fresh it says it is, with any cache.
    refused = see_gone(published, gone, [token for token in tokens if token.kid == "one"])
    # And what a revoked key signed fails with the first key set that is asked for; its replacement's passes.
    fresh = published.first_after(revoked)
    assert len(fresh.keys) == 1
    for token in tokens:
        assert token.is_good(fresh) == (token.kid == "three")
    assert all(token.kid == "three" for token in tokens if token.iat > revoked)
    # `iat` is the beginning of its second, in which a key set may have been asked for before the revocation.
    last_at = published.documents[-1][0]
    replacing = [token for token in tokens if token.kid == "three"]
    assert all(token.is_good(published.first_after(min(token.iat + 1, last_at))) for token in replacing)
    sets = sorted({tuple(sorted(key.kid for key in keys.keys)) for _, _, keys in published.documents})
    assert sets == [("one",), ("one", "two"), ("three",), ("two",)]
    words = f"once, {len(tokens)} tokens received, {verified} verifications with caches of up to {CACHE} s"
    words += f" without a failure, {ahead} tokens of the next key with caches from before it signed, {refused} refused"
    words += f" of a key that is gone, {len(published.documents)} key sets asked for"
    told("rotation of a signing key on 3 nodes", words)
    assert len(in_force) >= 300


def see_gone(published, gone, tokens):
    """See that a key that is gone is good for nothing at any moment when no cache holds it any more."""
    stolen = Signer("ES256", key_pair("ES256", 0).private, {}, "one")
    moments = [gone + CACHE + late for late in (0.001, 10, 50)]
    made = [Token(stolen.sign({"sub": "ben", "iat": int(moment), "exp": int(moment) + 60})) for moment in moments]
    refused = 0
    for moment in moments:
        for age in AGES:
            for token in (*made, *tokens[:: len(tokens) // 100 + 1]):
                assert not token.is_good(published.cached(moment, age))
                refused += 1
    return refused


# Secrets in overlap


@pytest.mark.parametrize("database", ALSO or ["sqlite"], indirect=True)
def test_a_party_that_takes_the_next_secret_at_any_moment_of_the_window_refuses_no_token(make_site, told):
    site = make_site(speed=60, nodes=2)
    make_asset(site.house, "a", secret=SECRET, lifetime=LIFETIME)
    present, following = OctKey.import_key(SECRET), OctKey.import_key(NEXT_SECRET)
    moments = {}

    def do(name, act, *arguments):
        """Do an act; keep between which moments it was done."""
        moments[name] = site.now, None
        with site.acting() as acting:
            asset = save.find_asset("a")
            act(save.lock_asset(asset.id), *arguments, **acting)
        moments[name] = moments[name][0], site.now

    # When a secret is staged, switched to at a moment, stepped back from, and switched to again at once.
    with site.running(), site.fetching("/a") as tokens:
        site.until(site.now + 40)
        do("staged", overlap.stage, replace(read_secret(NEXT_SECRET, "text", algorithm="HS256"), kid="next"))
        switch = int(site.now) + 200
        do("planned", overlap.switch, switch)
        site.until(switch + 150)
        do("stepped back", overlap.step_back)
        site.until(site.now + 150)
        do("switched", overlap.switch, None)
        site.until(site.now + 2 * LIFETIME)

    # Then each token is good with one of the two: at the planned moment they change to the second, on all nodes.
    followed = {token.text: token.is_good(following) for token in tokens}
    assert all(followed[token.text] != token.is_good(present) for token in tokens)
    assert all(followed[token.text] == (token.kid == "next") for token in tokens)
    back, again = moments["stepped back"], moments["switched"]
    for token in tokens:
        if token.iat < int(back[0]):
            assert followed[token.text] == (token.iat >= switch), token.iat - switch
        elif back[1] < token.iat < int(again[0]):
            assert not followed[token.text]
        elif token.iat > again[1]:
            assert followed[token.text]
    # And a party that takes both from any moment of the window on, until the last of the other has expired, refuses none.
    begins = [staged + (switch - staged) * share / 20 for staged in [moments["staged"][1]] for share in range(21)]
    end = again[1] + LIFETIME
    for begin in begins:
        for token in tokens:
            for moment in (token.iat, token.exp - 0.001):
                takes = {False} if moment < begin else {True} if moment > end else {False, True}
                assert followed[token.text] in takes, (token.kid, token.iat - switch, begin - switch)
    # And one that drops the other when the next one signs has refused what was good still: the window is needed.
    early = [token for token in tokens if token.iat < switch < token.exp and not followed[token.text]]
    assert early and len(tokens) >= 300
    words = f"once, {len(tokens)} tokens received, {2 * len(tokens)} verifications, {sum(followed.values())} tokens of"
    words += f" the next secret, {len(begins)} parties that took it at another moment"
    told("rotation of a secret on 2 nodes", words)
