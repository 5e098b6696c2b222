"""One token posted by many at once, to two nodes over one database: it signs in once (ASVS 2.3.3, 15.4.2)."""

import http.client
import json
import threading
import time

import pytest

from tests.arrivals import token
from tests.conftest import House
from tests.faults.scale import scaled
from tests.faults.several import STARTS_WITHIN
from tests.making import make_identity, make_issuer, make_person
from tests.serving import Service

pytestmark = pytest.mark.timeout(1800)
POSTS = 16


class Rounds:
    """Makes the token of each round when all posters wait for it; `body` is what they post."""

    def __init__(self, house):
        self.house, self.number, self.body = house, -1, None

    def begin(self):
        self.number += 1
        self.body = json.dumps({"token": token(self.house, jti=f"round-{self.number}")})


class Poster:
    """A client that keeps its connection, and posts when all do."""

    def __init__(self, port, rounds, barrier):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.rounds, self.barrier, self.answers = rounds, barrier, []

    def post(self, times):
        """Post the body of each round at the moment of the others; keep status and code."""
        for _ in range(times):
            self.barrier.wait(60)
            body = self.rounds.body
            try:
                self.answers.append(self._ask(body))
            except (ConnectionError, http.client.HTTPException):  # It was closed meanwhile.
                self.connection.close()
                self.answers.append(self._ask(body))
        self.connection.close()

    def _ask(self, body):
        self.connection.request("POST", "/auth/jwt", body=body, headers={"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text).get("code") if text else None


def post_at_once(house, ports, times):
    """Post so many tokens, each POSTS times at once, evenly to the nodes; return the answers, round by round."""
    rounds = Rounds(house)
    barrier = threading.Barrier(POSTS, rounds.begin)
    posters = [Poster(ports[number % len(ports)], rounds, barrier) for number in range(POSTS)]
    threads = [threading.Thread(target=poster.post, args=(times,)) for poster in posters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(zip(*(poster.answers for poster in posters), strict=True))


def nodes(database, folder):
    """Return two nodes over one PostgreSQL; over one SQLite, whose folder is one service's, two workers of one."""
    if "DATABASE_URL" not in database:
        return [Service({**database, "WORKERS": "2"}, folder / "log")]
    made = []
    for number in range(2):
        instance = folder / f"node-{number}"
        instance.mkdir(mode=0o700)
        overrides = {**database, "INSTANCE": str(instance), "WORKERS": "1"}
        made.append(Service(overrides, folder / f"log-{number}"))
    return made


def test_posts_of_one_token_to_two_nodes_at_once_begin_one_session(database, tmp_path, told):
    rounds = scaled(1000) if "DATABASE_URL" in database else scaled(50)
    house = House(database)
    house.clock.now = time.time()
    make_person(house, "ben", password=None)
    make_identity(house, make_issuer(house), "ben", "ben")
    house.clock = time.time  # Each token is made in its round.
    services = nodes(database, tmp_path)
    try:
        for service in services:
            service.start(within=STARTS_WITHIN)
        began = time.monotonic()
        answers = post_at_once(house, [service.port for service in services], rounds)
        seconds = time.monotonic() - began
    finally:
        for service in services:
            service.stop()

    statuses = {}
    for answer in (answer for each in answers for answer in each):
        statuses[answer] = statuses.get(answer, 0) + 1
    what = "two nodes" if "DATABASE_URL" in database else "two workers"
    told(f"one token posted to {what} at once", f"{rounds} rounds of {POSTS} posts in {seconds:.1f} s: {statuses}")
    assert len(answers) == rounds
    assert [sum(status == 200 for status, _ in each) for each in answers] == [1] * rounds
    assert statuses.keys() <= {(200, None), (401, "token_used"), (503, None), (503, "busy")}
    assert len(house.rows("SELECT * FROM session")) == rounds == len(house.rows("SELECT * FROM spent_token"))
    signed_in = house.log("person.signed_in")
    assert sorted(row["jti"] for row in signed_in) == sorted(f"round-{number}" for number in range(rounds))
    house.close()
