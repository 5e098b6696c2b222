"""Every token of our table by each way it can come: the row that answers it, nothing kept of it, and in good time.

RFC 8725; the table is tests/foreign_tokens.py. What was good is sent again by each way. A token costs at most a tenth of
a second; a busy machine may make it ten times as much. What was measured is printed, and stands in bench/README.md.
"""

import gc
import json
import statistics
import time
from collections import Counter

import pytest

from mintmark.issuers.refusals import BAD_REQUEST, TOKEN_USED
from mintmark.tokens import ALGORITHMS
from tests.arrivals import refusal
from tests.foreign_tokens import (
    CLASSES,
    GOOD,
    KEY_ID,
    TRANSPORTS,
    cases,
    issuer_of,
    public_of,
    replay,
    secret_of,
    settings_of,
    subjects_of,
)
from tests.making import make_identity, make_issuer, make_person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_SECONDS = 1.0


def send(client, transport, token):
    """Send a text as it is."""
    if transport == "body":
        return client.post("/auth/jwt", data=json.dumps({"token": token}), content_type="application/json")
    if transport == "header":
        return client.get("/auth/jwt", headers={"Authorization": f"Bearer {token}"})
    return client.get("/auth/jwt", query_string={"token": token})


def fits(case, transport):
    """Tell whether a text can go by this way at all."""
    return {"header": case.fits_header, "query": case.fits_address, "body": True}[transport]


def furnish(house, table):
    """Trust the issuer of each algorithm, and link every subject to a person of their own."""
    issuers = {}
    for algorithm in sorted({case.algorithm for case in table}):
        own = (
            {"secret": secret_of(algorithm).decode()}
            if algorithm.startswith("HS")
            else {"keys": [(KEY_ID, public_of(algorithm))]}
        )
        issuers[algorithm] = make_issuer(house, **settings_of(algorithm), **own)
    for number, subject in enumerate(subjects_of(table)):
        make_person(house, f"person-{number}", password=None)
        for issuer in issuers.values():
            make_identity(house, issuer, subject, f"person-{number}")
    return issuers


@pytest.fixture
def settled():
    """What the test run holds is no matter of a token: going through all that takes longer than the slowest of them."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Sender:
    """Sends cases and keeps what was wrong, how long each took, and how many of each class came by each way."""

    def __init__(self, house):
        self.house, self.wrong, self.seconds = house, [], []
        self.classes, self.codes = Counter(), Counter()

    def send(self, case, transport):
        """Send one as a stranger; tell whether it signed in."""
        client, began = self.house.client(), time.process_time()
        answer = send(client, transport, case.token)
        self.seconds.append(time.process_time() - began)
        # Half of a surrogate pair is no text (RFC 8259 §8.2): the body is refused before its token is looked at.
        expected = case.expected_by(transport) if case.fits_address else BAD_REQUEST
        found = GOOD if answer.status_code == 200 else refusal(answer)
        if found != (GOOD if expected is GOOD else (expected.status, expected.error, expected.code)):
            self.wrong.append((transport, case.name, case.algorithm, expected, found))
        assert ("Set-Cookie" in answer.headers) == (found is GOOD), case
        self.classes[transport, case.group, case.algorithm] += 1
        self.codes[transport, "good" if found is GOOD else found[2]] += 1
        return found is GOOD

    def amounts(self, *transports):
        """Return how many of each class were sent by each of these ways for each algorithm."""
        return [amount for (transport, _, _), amount in self.classes.items() if transport in transports]

    def amounts_of_classes(self):
        found = Counter()
        for (transport, group, _), amount in self.classes.items():
            found[transport, group] += amount
        return found.values()

    def spent(self):
        return {(row["issuer"], row["jti"]) for row in self.house.rows("SELECT issuer, jti FROM spent_token")}


def test_every_token_of_the_table_is_answered_as_it_should_be_by_every_way(sqlite_house, settled, capsys):
    house, sender, good = sqlite_house, Sender(sqlite_house), set()
    tables = {transport: cases(house.clock(), salt=transport) for transport in TRANSPORTS}
    furnish(house, tables["body"])
    for transport, table in tables.items():
        let_in = []
        for case in table:
            if fits(case, transport) and sender.send(case, transport):
                let_in.append(case)
        good |= {(issuer_of(case.algorithm), case.claims["jti"]) for case in let_in}
        assert sender.spent() == good, "what is refused is not spent"
        for number, case in enumerate(replay(let_in)):
            # Each by each way; what came by another way first, by one of the three in turn.
            for again in TRANSPORTS if transport == "body" else [TRANSPORTS[number % 3]]:
                assert not sender.send(case, again), case
        assert sender.spent() == good and len(house.rows("SELECT id FROM session")) == len(good)

    seconds, codes = sender.seconds, sender.codes
    with capsys.disabled():
        slowest, middle = max(seconds) * 1000, statistics.median(seconds) * 1000
        print(f"\n{len(seconds)} tokens sent, CPU ms: slowest {slowest:.1f}, median {middle:.1f}: {dict(codes)}")
    assert sender.wrong == []
    assert {len(table) >= 800 for table in tables.values()} == {True}
    assert {transport for transport, code in codes if code == TOKEN_USED.code} == {*TRANSPORTS}
    # Where not every text can stand, in a header, some classes are shared by the algorithms.
    by_algorithm, by_class = sender.amounts("body", "query"), sender.amounts_of_classes()
    assert len(by_algorithm) == 2 * (len(CLASSES) + 1) * len(ALGORITHMS) and min(by_algorithm) >= 3
    assert len(by_class) == len(TRANSPORTS) * (len(CLASSES) + 1) and min(by_class) >= 3
    assert max(seconds) < MOST_SECONDS
    signed_in = {row["issuer"] for row in house.log("person.signed_in")}
    assert signed_in == {issuer_of(case.algorithm) for case in tables["body"]}
