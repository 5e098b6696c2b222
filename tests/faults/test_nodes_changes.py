"""Assets that change at the very moment: two administrators on two nodes, and tokens fetched meanwhile (CWE-362, CWE-367)."""

import random
import threading
import time

import jwt
import pytest

from mintmark.assets import moves, save, trash
from mintmark.assets.secrets import read_secret
from mintmark.errors import Busy
from mintmark.models import Asset, db, writing
from tests.conftest import House
from tests.faults.scale import scaled
from tests.faults.service import NO_LIMITS
from tests.faults.several import STARTS_WITHIN, Calm, engine_of
from tests.filling import fields_of, sent
from tests.making import make_asset, make_person
from tests.serving import Service, cookies_of

pytestmark = pytest.mark.timeout(900)


# Two administrators


def test_of_two_administrators_who_save_at_once_on_two_nodes_one_is_told_and_nothing_is_lost(make_house, told):
    nodes, rounds = (make_house(), make_house()), scaled(100, least=10)
    for username in ("ada", "bea"):
        make_person(nodes[0], username, is_admin=True)
    address = f"/admin/assets/{make_asset(nodes[0], 'a')}/edit"
    clients = [node.signed_in(username) for node, username in zip(nodes, ("ada", "bea"), strict=True)]

    for number in range(rounds):
        # When both loaded the form, and send it at the same moment with names of their own.
        names = [f"ada {number}", f"bea {number}"]
        forms = [
            {**fields_of(client.get(address)), "name": [name]} for client, name in zip(clients, names, strict=True)
        ]
        answers = save_at_once(clients, address, forms)
        # Then one is saved; the other one is told, has what they typed still, and may save that on top.
        assert sorted(answer.status_code for answer in answers) == [303, 409]
        second = next(each for each in (0, 1) if answers[each].status_code == 409)
        again = fields_of(answers[second])
        assert again["name"] == [names[second]]
        assert clients[second].post(address, data=sent(again)).status_code == 303

    rows = nodes[0].rows("SELECT number FROM revision ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, 2 * rounds + 2))
    words = f"{rounds} rounds, one of them told each time, {len(rows)} revisions"
    told(f"two administrators save at once, {engine_of(nodes[0])}", words)


def save_at_once(clients, address, forms):
    """Send each form at the moment of the other; return the answers."""
    together, answers = threading.Barrier(2), [None, None]

    def post(each):
        together.wait()
        answers[each] = clients[each].post(address, data=sent(forms[each]))

    threads = [threading.Thread(target=post, args=(each,)) for each in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# Tokens of assets that change


class Changer:
    """Revises two assets, exchanges their paths, and takes them into the trash and out again, in random order.

    A revision has a number of its own, that says everything of it: the asset and the number stand in its claims, its
    secret is made of them, and so is its lifetime. `made` says which (asset id, revision) has which number.
    """

    def __init__(self, house):
        self.house, self.made, self.done = house, {}, 0
        self.ids = {name: make_asset(house, name, **self._fields(name, 0), secret=secret_of(name, 0)) for name in "ab"}
        self.numbers = dict.fromkeys("ab", 0)
        for name in "ab":
            self.made[self.ids[name], 1] = (name, 0)

    def _fields(self, name, number):
        return {"template": f'{{"of": "{name}", "n": {number}}}', "lifetime": 600 + number}

    def go_on(self, seconds):
        """Change something, again and again."""
        rng, end = random.Random(15), time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                rng.choice((self._revise, self._revise, self._exchange, self._bin))()
            except Busy:
                continue
            self.done += 1
            time.sleep(0.02)

    def _act(self, *acts):
        """Do acts on assets in one transaction; each takes the asset, its name and the usual rest."""
        rest = {"sealer": self.house.mint.settings.sealer, "by": self.house.by()}
        made, numbers = {}, dict(self.numbers)
        with self.house.app.app_context(), writing():
            assets = {name: self._lock(name) for name in sorted({name for name, _ in acts})}
            for name, act in acts:
                number = act(assets[name], rest)
                numbers[name] = numbers[name] if number is None else number
                db.session.flush()
                made[assets[name].id, assets[name].revision] = (name, numbers[name])
        self.made |= made  # Not before it was committed.
        self.numbers = numbers

    def _lock(self, name):
        is_trashed = db.session.get_one(Asset, self.ids[name]).trashed_at is not None
        return save.lock_asset(self.ids[name], is_trashed=is_trashed)

    def _revise(self):
        name, number = ("a", "b")[self.done % 2], max(self.numbers.values()) + 1

        def act(asset, rest):
            definition = {**save.current_revision(asset).definition, **self._fields(name, number)}
            secret = read_secret(secret_of(name, number), "text", algorithm="HS256")
            save.revise(asset, definition, secret, **rest)
            return number

        self._act((name, act))

    def _exchange(self):
        def to(path):
            return lambda asset, rest: moves.move(asset, path, days=0, **rest)

        with self.house.app.app_context():
            at = {name: db.session.get_one(Asset, self.ids[name]).path for name in "ab"}
        self._act(("a", to("spare")), ("b", to(at["a"])), ("a", to(at["b"])))

    def _bin(self):
        name = ("a", "b")[self.done % 2]
        self._act((name, lambda asset, rest: trash.trash(asset, by=rest["by"])))
        time.sleep(0.02)

        def restore(asset, rest):
            trash.restore(asset, asset.path, **rest)

        while True:
            try:
                return self._act((name, restore))
            except Busy:
                continue


def secret_of(name, number):
    return f"the-secret-of-asset-{name}-in-its-revision-{number:08}"


def test_a_token_is_of_one_revision_whatever_is_done_to_its_asset_meanwhile(database, tmp_path, told):
    seconds = scaled(30.0, least=4.0)
    house = House({**database, **NO_LIMITS})
    house.clock = time.time
    changer = Changer(house)
    cookies = cookies_of(database, [f"p{number}" for number in range(8)])
    service = Service({**database, "WORKERS": "2"}, tmp_path / "service.log")
    try:
        service.start(within=STARTS_WITHIN)
        with Calm(service, "/a", cookies[:4]) as one, Calm(service, "/b", cookies[4:]) as other:
            changer.go_on(seconds)
    finally:
        service.stop()

    # Every token is of the revision that its row names: template, secret and lifetime.
    tokens = one.tokens + other.tokens
    rows = {row["jti"]: (row["asset"], row["revision"]) for row in house.log("token.issued")}
    seen = set()
    for text in tokens:
        unverified = jwt.decode(text, options={"verify_signature": False})
        name, number = unverified["of"], unverified["n"]
        claims = jwt.decode(text, secret_of(name, number), algorithms=["HS256"])
        assert claims["exp"] - claims["iat"] == 600 + number
        assert changer.made[rows[claims["jti"]]] == (name, number)
        seen.add((name, number))
    house.close()
    statuses = {status: one.statuses.get(status, 0) + other.statuses.get(status, 0) for status in (200, 404, 503)}
    assert one.statuses.keys() | other.statuses.keys() <= {200, 404, 503} and not one.failures + other.failures
    assert changer.done >= 10 and len(seen) >= 4 and len(tokens) > 50
    words = f"{changer.done} changes, {len(tokens)} tokens received of {len(seen)} revisions, statuses {statuses}"
    told(f"assets changed while they are fetched, {engine_of(house)}", words)
