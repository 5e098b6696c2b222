"""Key sets of others: which keys of them count, how long they are kept, and who asks for them when (RFC 7517 §5, RFC 8725 §3.10)."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from joserfc.jwk import OctKey

from mintmark import keypairs
from mintmark.models import db, writing
from mintmark.outbound import kept, key_sets
from mintmark.outbound.fetching import NotFetched
from mintmark.tokens import KEY_ALGORITHMS
from mintmark.unverified import read_unverified
from tests.conftest import START
from tests.elsewhere import elsewhere, json_answer
from tests.making import key_pair

ALGORITHM = "ES256"


@pytest.fixture(scope="module")
def server():
    with elsewhere() as site:
        yield site


@pytest.fixture
def site(server):
    """Another site with nothing on it that was never asked."""
    server.answers.clear()
    server.asked.clear()
    server.answers["/jwks"] = {"keys": [entry("k1")]}
    return server


def entry(kid=None, number=0, algorithm=ALGORITHM, **members):
    """Return an entry of a key set, as an issuer publishes it."""
    named = {"kid": kid} if kid is not None else {}
    return {**key_pair(algorithm, number).public, "use": "sig", "alg": algorithm, **named, **members}


def keys_in(*entries, algorithm=ALGORITHM):
    """Return key id → number of the key pair, and what is said of the rest."""
    keys, problems = key_sets.read_key_set({"keys": list(entries)}, algorithm)
    numbers = {keypairs.thumbprint(key_pair(algorithm, number).public): number for number in range(3)}
    return {kid: numbers[thumbprint] for kid, (_, thumbprint) in keys.items()}, problems


def keys_at(house, site, **options):
    """Ask a node of the house for the keys of the other site; return their ids."""
    with house.app.app_context():
        options = {"now": house.clock(), "fetch_also": site.listed, **options}
        return list(key_sets.keys_at(site.url(), ALGORITHM, **options))


def shown(house, site):
    """Return what a page shows of the key set, which fetches nothing."""
    with house.app.app_context():
        return key_sets.key_set_at(site.url(), ALGORITHM, now=house.clock(), fetch_also=site.listed, may_fetch=False)


# What counts as a key.


def test_keys_of_every_algorithm_verify_what_their_other_half_signed():
    for algorithm in KEY_ALGORITHMS:
        pair = key_pair(algorithm, 0)
        token = read_unverified(jwt.encode({"sub": "jsmith"}, pair.private, algorithm))
        keys, problems = key_sets.read_key_set({"keys": [entry("k", algorithm=algorithm)]}, algorithm)

        [(kid, (verifier, thumbprint))] = keys.items()
        assert (kid, thumbprint, problems) == ("k", keypairs.thumbprint(pair.public), ())
        assert verifier.verify(token) == {"sub": "jsmith"}


def test_an_entry_that_is_not_in_order_is_no_key_and_leaves_the_others_alone():
    private = jwt.algorithms.ECAlgorithm.to_jwk(key_pair(ALGORITHM, 1).private, as_dict=True)
    secret = OctKey.generate_key(256).as_dict(private=True)
    good = entry("good")
    bad = [
        {**private, "kid": "private"}, {**secret, "kid": "secret"}, {**good, "kid": "k", "kty": "oct", "k": "canary"},
        entry("enc", 1, use="enc"), entry("ops", 1, key_ops=["sign"]), entry("ops2", 1, key_ops=["verify", "sign"]),
        entry("ops3", 1, key_ops="verify"), entry("other", 1, alg="ES384"), entry("hs", 1, alg="HS256"),
        entry("none", 1, alg=None), entry("list", 1, alg=["ES256"]), entry("use", 1, use=["sig"]),
        entry("type", 1, kty="RSA"), entry("curve", 1, crv="P-384"), entry("spelt", 1, x=good["x"] + "="),
        entry("point", 1, x=good["x"]), entry("short", 1, x="AA"), entry("number", 1, x=7), entry("gone", 1, x=None),
        entry(7, 1), entry(["k"], 1), entry("k" * 129, 1), entry("null", 1) | {"kid": None},
        {"kid": "x5c", "kty": "EC", "x5c": ["canary"]}, {"kid": "jku", "jku": "https://evil.test/jwks"},
        {}, [], None, "canary", 7, [good],
    ]  # fmt: skip

    for each in bad:
        found, problems = keys_in(each, good)
        assert found == {"good": 0}, each
        assert len(problems) == 1 and problems[0].startswith("Key 1 of the set is not used: it "), each
        assert "canary" not in problems[0] and secret["k"] not in problems[0] and private["d"] not in problems[0]


def test_rsa_keys_that_are_too_short_or_have_an_unusual_exponent_are_none():
    weak = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_rsa(1024).public_key()))
    good = entry("good", algorithm="RS256")
    for bad in (weak, good | {"e": "AQ"}, good | {"e": "AA"}, good | {"e": "BA"}, good | {"e": "_____________w"},
                good | {"n": "AA" + good["n"]}, good | {"n": "A" * 16_000}):  # fmt: skip
        found, problems = keys_in({**bad, "kid": "bad"}, good, algorithm="RS256")
        assert (list(found), len(problems)) == (["good"], 1), bad


def _rsa(bits):
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def test_a_key_id_that_stands_twice_is_that_of_no_key():
    assert keys_in(entry("k1"), entry("k1", 1), entry("k2", 2))[0] == {"k2": 2}
    assert keys_in(entry("k1"), entry("k1"))[0] == {}
    assert keys_in(entry("k1"), {"kid": "k1", "kty": "oct"})[0] == {}
    assert keys_in(entry("k1"), entry("K1", 1))[0] == {"k1": 0, "K1": 1}


def test_a_key_without_id_counts_only_as_the_only_key():
    assert keys_in(entry())[0] == {None: 0}
    assert keys_in(entry(use="enc"), entry())[0] == {None: 0}
    assert keys_in(entry(), entry(None, 1))[0] == {}
    assert keys_in(entry("k1"), entry(None, 1))[0] == {"k1": 0}
    for kid in (7, ["k1"], {}, True):
        assert keys_in(entry(kid))[0] == {}
    assert keys_in(entry() | {"kid": None})[0] == {}
    assert keys_in(entry("k1"), entry(None, 1))[1] == (
        "Key 2 of the set is not used: it has no key id (“kid”), and is not the only key.",
    )


def test_an_empty_set_is_one_and_what_has_no_list_of_keys_is_none():
    assert keys_in() == ({}, ())
    for document in ({}, {"keys": None}, {"keys": {}}, {"keys": "k"}, {"keys": [entry("k1")] * 101}):
        with pytest.raises(NotFetched):
            key_sets.read_key_set(document, ALGORITHM)


# How long it is kept, and who asks.


def test_a_key_set_is_fetched_once_and_kept_for_five_minutes_for_all_nodes(make_house, site):
    one, other = make_house(), make_house()

    for node in (one, other, one):
        assert keys_at(node, site) == ["k1"]
    assert len(site.asked) == 1

    one.clock.advance(299)
    keys_at(one, site)
    assert len(site.asked) == 1
    site.answers["/jwks"] = {"keys": [entry("k2")]}
    for node in (one, other):
        node.clock.now = START + 300
        assert keys_at(node, site) == ["k2"]
    assert len(site.asked) == 2


def test_an_unknown_key_id_fetches_at_most_once_a_minute_over_all_nodes(make_house, site):
    nodes = one, other = make_house(), make_house()
    keys_at(one, site)
    site.answers["/jwks"] = {"keys": [entry("k1"), entry("k2", 1)]}

    for node in nodes:
        node.clock.advance(59)
        assert keys_at(node, site, wanted_kid="k2") == ["k1"]
    assert len(site.asked) == 1
    for node in nodes:
        node.clock.advance(1)
    assert keys_at(other, site, wanted_kid="k1") == ["k1"]
    assert len(site.asked) == 1
    assert keys_at(other, site, wanted_kid="k2") == ["k1", "k2"]
    for number in range(20):
        assert keys_at(nodes[number % 2], site, wanted_kid=f"made up {number}") == ["k1", "k2"]
    assert len(site.asked) == 2


def test_of_many_that_ask_at_the_same_moment_on_two_nodes_one_fetches_and_nobody_waits(make_house, site):
    nodes = make_house(), make_house()
    keys_at(nodes[0], site)
    others_are_done = threading.Event()

    def answer(_handler):
        others_are_done.wait(2.5)
        return {"keys": [entry("k2")]}

    site.answers["/jwks"] = answer
    for node in nodes:
        node.clock.advance(300)
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(keys_at, nodes[number % 2], site) for number in range(8)]
        began = time.monotonic()
        while sum(task.done() for task in tasks) < 7 and time.monotonic() - began < 2:
            time.sleep(0.01)
        others_are_done.set()
        found = [task.result() for task in tasks]

    assert sorted(found) == [["k1"]] * 7 + [["k2"]]
    assert len(site.asked) == 2


def test_of_many_that_are_the_first_to_ask_one_fetches_and_the_others_are_told(make_house, site):
    nodes = make_house(), make_house()
    at_once = threading.Barrier(8)

    def ask(number):
        at_once.wait()
        try:
            return keys_at(nodes[number % 2], site)
        except NotFetched as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))

    assert len(site.asked) == 1
    assert ["k1"] in found
    assert all(each == ["k1"] or "another process may be reading it" in each for each in found)


def test_within_the_cool_down_an_unknown_key_id_waits_for_no_writer(house, site):
    keys_at(house, site)
    began = time.monotonic()

    with house.app.app_context(), writing(), ThreadPoolExecutor(1) as pool:
        db.session.execute(db.text("UPDATE fetched_document SET problem = NULL"))
        assert pool.submit(keys_at, house, site, wanted_kid="made up").result() == ["k1"]

    assert time.monotonic() - began < 1.9  # A writer is waited for two seconds.


def test_while_the_other_site_is_asked_no_transaction_is_open(house, site):
    def answer(_handler):
        with house.app.app_context(), writing():
            db.session.execute(db.text("DELETE FROM attempt"))
        return {"keys": [entry("k1")]}

    site.answers["/jwks"] = answer
    with house.app.app_context():
        db.session.execute(db.text("SELECT 1"))  # As a request that has read something.
        found = key_sets.keys_at(site.url(), ALGORITHM, now=house.clock(), fetch_also=site.listed)

    assert list(found) == ["k1"]


def test_a_failure_keeps_the_last_good_keys_for_a_day_and_the_page_says_so(house, site):
    keys_at(house, site)
    began = int(house.clock())
    failures = [
        b"HTTP/1.1 500 canary\r\n\r\n", b"", json_answer(b"canary"), {"error": "canary"}, {"keys": "canary"},
        b"HTTP/1.1 302 Found\r\nLocation: /canary\r\nContent-Length: 0\r\n\r\n",
    ]  # fmt: skip
    for failure in failures:
        site.answers["/jwks"] = failure
        house.clock.advance(300)
        assert keys_at(house, site, wanted_kid="new") == ["k1"]
        page = shown(house, site)
        assert (page.fetched_at, page.tried_at, list(page.keys)) == (began, int(house.clock()), ["k1"])
        assert page.problem and "canary" not in page.problem
    assert len(site.asked) == 1 + len(failures)

    house.clock.now = began + kept.MAX_STALE - 1
    assert keys_at(house, site) == ["k1"]
    house.clock.advance(1)
    with pytest.raises(NotFetched, match="It answered with status 302"):
        keys_at(house, site)
    assert (shown(house, site).is_known, shown(house, site).fetched_at) == (False, began)

    site.answers["/jwks"] = {"keys": [entry("k2")]}
    house.clock.advance(60)
    assert keys_at(house, site) == ["k2"]
    assert (shown(house, site).problem, shown(house, site).fetched_at) == (None, int(house.clock()))


def test_keys_that_were_taken_out_of_the_set_are_gone(house, site):
    keys_at(house, site)
    site.answers["/jwks"] = {"keys": []}
    house.clock.advance(300)

    assert keys_at(house, site) == []


def test_what_was_never_read_is_said_and_asked_for_once_a_minute(house, site):
    site.answers["/jwks"] = b"HTTP/1.1 404 No\r\n\r\n"
    for _ in range(3):
        with pytest.raises(NotFetched, match="It answered with status 404"):
            keys_at(house, site)
    assert len(site.asked) == 1
    assert shown(house, site).problem == "It answered with status 404."

    site.answers["/jwks"] = {"keys": [entry("k1"), {"kty": "oct", "k": "canary"}]}
    house.clock.advance(60)
    assert keys_at(house, site) == ["k1"]
    assert shown(house, site).problems == (
        "Key 2 of the set is not used: it is a private key or a secret; only a public key belongs here.",
    )


def test_a_page_and_whoever_may_not_fetch_leave_the_other_site_alone(house, site):
    assert shown(house, site) == key_sets.KeySet()
    with pytest.raises(NotFetched, match="not read yet"):
        keys_at(house, site, may_fetch=False)
    assert (site.asked, house.rows("SELECT * FROM fetched_document")) == ([], [])


def test_a_clock_that_jumped_bars_nothing(house, site):
    house.clock.advance(1_000_000)
    keys_at(house, site)
    house.clock.advance(-1_000_000)
    site.answers["/jwks"] = {"keys": [entry("k2")]}

    assert keys_at(house, site) == ["k2"]
    assert keys_at(house, site, wanted_kid="k3") == ["k2"]
    assert len(site.asked) == 2


def test_nodes_whose_clocks_are_apart_do_not_ask_by_turns(make_house, site):
    early, late = make_house(), make_house()
    late.clock.advance(300)

    for _ in range(3):
        for node in (early, late):
            assert keys_at(node, site, wanted_kid="k9") == ["k1"]
    assert len(site.asked) == 2  # The first was too old for the one whose clock is ahead.


def test_an_origin_that_is_no_longer_listed_is_not_asked_again(house, site):
    keys_at(house, site)
    house.clock.advance(300)

    assert keys_at(house, site, fetch_also=frozenset()) == ["k1"]
    assert len(site.asked) == 1
    assert "without https" in shown(house, site).problem


def test_what_cannot_be_written_down_is_answered_from_what_is_kept(house, site):
    keys_at(house, site)
    house.clock.advance(300)
    if house.mint.settings.is_sqlite:
        statements = ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
    else:
        statements = ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    with house.app.app_context():
        pool = db.engine.pool
        with db.engine.connect() as connection:  # The pool's only one so far; it is given back as it is.
            connection.exec_driver_sql(statements[0])
            connection.commit()
        try:
            assert pool.checkedin() >= 1
            assert keys_at(house, site) == ["k1"]
        finally:
            with db.engine.connect() as connection:
                connection.exec_driver_sql(statements[1])
                connection.commit()
    assert len(site.asked) == 1


def test_what_was_parsed_is_kept_within_bounds_and_never_taken_for_another_set(monkeypatch):
    monkeypatch.setattr(key_sets, "_parsed", {})
    document = {"keys": [entry("k1")]}

    for number in range(120):
        assert list(read(f"https://a.test/{number}", document).keys) == ["k1"]
    assert len(key_sets._parsed) <= 50
    assert read("https://a.test/119", {"keys": [entry("k1")]}).keys is read("https://a.test/119", document).keys
    assert list(read("https://a.test/119", {"keys": [entry("k9", 1)]}).keys) == ["k9"]
    assert list(read("https://a.test/119", document, "ES384").keys) == []


def read(url, document, algorithm=ALGORITHM):
    return key_sets._read(url, algorithm, kept.Kept(document, 1, 1, None))
