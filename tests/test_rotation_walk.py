"""Whatever administrators do with keys, in whatever order: every token is good for as long as it says, with any cache.

Random walks through the acts, with the clock moved between them; many times as many states as under load
(tests/faults/test_nodes_rotation.py). Only revoking may make a token fail, for that is what it is for.
"""

import random
from collections import Counter

import pytest

from mintmark.assets import save
from mintmark.errors import FieldError
from mintmark.keys import adding, changing, making, rings
from mintmark.keys.life import WAIT_SECONDS, state_of
from mintmark.models import KeyRing, db, writing
from tests.conftest import START, House
from tests.making import key_pair, make_asset, make_key, make_person
from tests.relying_party import KeySets, Token

pytestmark = pytest.mark.slow
AGES = (0, 100, 200, 300)  # of the parties' key sets, in seconds
STEPS, WALKS = 60, 12
ALGORITHMS = ("ES256", "EdDSA")


class Walk:
    """Two rings and an asset that signs with one of them, and all that was seen from outside."""

    def __init__(self, house, client, rng, number):
        self.house, self.client, self.rng, self.name = house, client, rng, f"walk-{number}"
        self.keys, self.tokens, self.done = KeySets(), [], Counter()
        self.revoked = {}  # key id → when
        self.changed = []  # moments at which a revocation changed who signs at once
        self.rings = []
        for each in ALGORITHMS:
            make_key(house, f"{self.name}-{each}", each)
            with house.app.app_context():
                self.rings.append(rings.find_key(f"{self.name}-{each}").ring_id)
        self.lifetime = self._some_lifetime()
        key_id = f"{self.name}-{ALGORITHMS[0]}"
        make_asset(house, self.name, signing_key=key_id, lifetime=self.lifetime)

    @property
    def now(self):
        return self.house.clock()

    def _some_lifetime(self):
        return self.rng.choice([10, 60, 300, 600, 3_600])

    def go(self):
        """Act, look and wait, step by step; wait for the last token at the end."""
        acts = [self.follow, self.follow, self.follow_later, self.plan, self.move, self.move, self.change_ring,
                self.change_lifetime, self.revoke]  # fmt: skip
        for _ in range(STEPS):
            if self.rng.random() < 0.5:
                self.act(self.rng.choice(acts))
            self.look()
            self.house.clock.advance(self.rng.choice([1, 7, 30, 60, 90, 200, 400, 1_500]))
        last = max((token.exp for token in self.tokens), default=0)
        while self.now < last:
            self.look(is_fetching=False)
            self.house.clock.advance(90)

    def act(self, act):
        try:
            with self.house.app.app_context(), writing():
                act(sealer=self.house.mint.settings.sealer, by=self.house.by())
            self.done[act.__name__] += 1
        except FieldError:
            self.done["refused"] += 1

    def look(self, is_fetching=True):
        """Fetch the key set, and a token."""
        answer = self.client.get(f"/.well-known/jwks/{self.name}")
        assert answer.status_code == 200
        self.keys.add(self.now, self.now, answer.data)
        if is_fetching:
            self.fetch()

    def fetch(self):
        answer = self.client.get(f"/{self.name}")
        assert answer.status_code == 200 or self.revoked, answer.status
        if answer.status_code == 200:
            self.tokens.append(Token(answer.text))

    # The acts

    def _ring(self):
        return db.session.get_one(KeyRing, self.rng.choice(self.rings))

    def _key(self, *states):
        keys = [key for ring_id in self.rings for key in rings.keys_of(ring_id) if state_of(key, self.now) in states]
        if not keys:
            raise FieldError("there is none")
        return self.rng.choice(keys)

    def _pair(self, algorithm):
        self.done["keys"] += 1
        return key_pair(algorithm, f"{self.name} {self.done['keys']}")

    def follow(self, **act):
        ring = self._ring()
        making.follow(ring.id, self._pair(ring.algorithm), None, **act)

    def follow_later(self, **act):
        ring, published_at = self._ring(), int(self.now) + self.rng.choice([0, 100, 1_000])
        moments = adding.Moments(published_at, published_at + self.rng.choice([0, 100, 360, 361, 2_000]))
        making.follow(ring.id, self._pair(ring.algorithm), None, moments=moments, **act)

    def plan(self, **act):
        ring = self._ring()
        pairs = [(self._pair(ring.algorithm), None) for _ in range(2)]
        making.plan(ring.id, pairs, every=self.rng.choice([1_440, 3_000]), **act)

    def move(self, *, by, **_):
        key = self._key("planned", "next")
        changing.move(key, int(self.now) + self.rng.choice([-100, 0, 1, 200, 360, 361, 1_000, 3_000]), by=by)

    def change_ring(self, **act):
        asset = save.lock_asset(save.find_asset(self.name).id)
        definition = save.current_revision(asset).definition
        ring = next(ring for ring in map(self._get, self.rings) if ring.id != definition["signing_key"])
        save.revise(asset, {**definition, "signing_key": ring.id, "algorithm": ring.algorithm}, None, **act)

    def _get(self, ring_id):
        return db.session.get_one(KeyRing, ring_id)

    def change_lifetime(self, **act):
        asset = save.lock_asset(save.find_asset(self.name).id)
        definition = save.current_revision(asset).definition
        save.revise(asset, {**definition, "lifetime": self._some_lifetime()}, None, **act)

    def revoke(self, **act):
        if self.rng.random() < 0.7:
            raise FieldError("seldom")
        key = self._key("planned", "next", "signing", "retired")
        changing.revoke(key, self._pair(key.algorithm), None, **act)
        self.revoked[key.key_id] = self.now
        self.changed.append(self.now)

    # What was seen

    def see_that_all_are_good(self):
        """Verify each token at its first and its last moment, with caches of any age; return how many times."""
        verified = 0
        for token in self.tokens:
            for moment in (token.iat, token.exp - 0.001):
                for age in AGES:
                    if self._may_fail(token, moment, age):
                        continue
                    what = (self.name, token.kid, token.iat - START, moment - START, age, dict(self.done))
                    assert token.is_good(self.keys.cached(moment, age)), what
                    verified += 1
        return verified

    def _may_fail(self, token, moment, age):
        """Its key was revoked; or a revocation let its key sign at once, which a cache from before does not know."""
        if token.kid in self.revoked and self.revoked[token.kid] <= moment:
            return True
        return any(moment - age <= at <= token.iat < at + WAIT_SECONDS for at in self.changed)

    def see_that_revoked_keys_are_gone(self):
        for asked_at, _, keys in self.keys.documents:
            assert not {key.kid for key in keys.keys} & {kid for kid, at in self.revoked.items() if at < asked_at}


def test_no_walk_through_the_acts_makes_a_token_fail_before_it_expires(sqlite_house):
    house = House({**sqlite_house.overrides, "SESSION_IDLE": "31536000", "SESSION_LIFETIME": "31536000"})
    make_person(house, "ben")
    client, done, verified, tokens = house.signed_in("ben"), Counter(), 0, 0

    for number in range(WALKS):
        walk = Walk(house, client, random.Random(number), number)
        walk.go()
        verified += walk.see_that_all_are_good()
        walk.see_that_revoked_keys_are_gone()
        done += walk.done
        tokens += len(walk.tokens)
    house.close()

    print(f"{WALKS} walks, {tokens} tokens, {verified} verifications, {dict(done)}")
    assert verified > 5_000 and min(done[name] for name in ("follow", "plan", "move", "change_ring", "revoke")) >= 3
