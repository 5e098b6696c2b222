"""Limits: sliding windows in memory, in the database, in Redis, and what happens while Redis is gone (ASVS 2.4.1, 6.3.1)."""

import os

import pytest
import redis

from mintmark import throttle
from mintmark.config import Limit
from mintmark.models import writing
from mintmark.throttle import Fuse, NotShared, attempt_keys, count_attempt
from tests.conftest import START, csrf_of, skip_or_fail
from tests.making import make_asset, make_person

pytestmark = pytest.mark.both_databases

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")


def forget(client):
    for key in client.scan_iter("LIMITS*mintmark*"):
        client.delete(key)


@pytest.fixture
def shared():
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.RedisError as error:
        skip_or_fail(f"Redis does not answer at {REDIS}: {error}")
    forget(client)
    yield REDIS
    forget(client)
    client.close()


def test_the_fuse_lets_so_many_through_and_says_how_long_to_wait():
    fuse = Fuse(None)

    assert [fuse.hit(Limit(3, 60), "ben", "a", now=START) for _ in range(3)] == [None] * 3
    assert 1 <= fuse.hit(Limit(3, 60), "ben", "a", now=START) <= 121
    assert fuse.hit(Limit(3, 60), "ben", "b", now=START) is None
    assert fuse.hit(Limit(3, 60), "ben", "a", now=START + 120) is None


def test_the_fuse_forgets_what_is_over_and_stays_in_bounds(monkeypatch):
    monkeypatch.setattr(throttle, "_MAX_KEPT", 50)
    fuse = Fuse(None)
    for number in range(500):
        assert fuse.hit(Limit(1, 60), str(number), now=START + number) is None

    assert len(fuse._here._windows) <= 51


def test_in_redis_two_processes_count_together(shared):
    first, second = Fuse(shared), Fuse(shared)

    assert [fuse.hit(Limit(2, 60), "k", now=START) for fuse in (first, second)] == [None, None]
    assert first.hit(Limit(2, 60), "k", now=START) and second.hit(Limit(2, 60), "k", now=START)


def test_without_redis_each_counts_here_and_does_not_ask_again_at_once():
    fuse = Fuse("redis://127.0.0.1:9/0")
    assert [bool(fuse.hit(Limit(2, 60), "k", now=START)) for _ in range(4)] == [False, False, True, True]
    with pytest.raises(NotShared):
        fuse.hit_shared(Limit(2, 60), "k")


def test_sign_in_is_counted_in_redis_where_there_is_one_and_tokens_too(make_house, shared):
    house, other = (
        make_house(REDIS_URL=shared, LIMIT_SIGN_IN="2 per minute", LIMIT_TOKENS="2 per minute") for _ in range(2)
    )
    make_person(house, "ben")
    make_asset(house, "a")

    statuses = []
    for each in (house, other, house):
        client = each.client()
        data = {"csrf_token": csrf_of(client.get("/login")), "username": "ben", "password": "wrong"}
        statuses.append(client.post("/login", data=data).status_code)
    tokens = [each.signed_in("ben").get("/a").status_code for each in (house, other, house)]

    assert (statuses, tokens) == ([422, 422, 429], [200, 200, 429])
    assert house.rows("SELECT * FROM attempt") == []


def test_sign_in_is_counted_in_the_database_while_redis_is_gone(make_house):
    house = make_house(REDIS_URL="redis://127.0.0.1:9/0", LIMIT_SIGN_IN="2 per minute")
    statuses = []
    for _ in range(4):
        client = house.client()
        data = {"csrf_token": csrf_of(client.get("/login")), "username": "ben", "password": "wrong"}
        statuses.append(client.post("/login", data=data).status_code)

    assert statuses[-1] == 429
    assert house.rows("SELECT amount FROM attempt")


def test_a_window_slides(house):
    def count(now):
        with house.app.app_context(), writing():
            return count_attempt(["k"], Limit(4, 60), now=now)

    start = START // 60 * 60
    assert [count(start + 50) for _ in range(4)] == [None] * 4
    wait = count(start + 59)
    assert wait == 17
    for _ in range(50):
        count(start + 59)  # What is refused does not prolong the wait.
    assert 1 <= count(start + 61) <= wait
    assert count(start + 59 + wait) is None


def test_addresses_of_one_ipv6_network_are_one_and_the_typed_name_is_not_kept():
    one, two = attempt_keys("ben", "2001:db8::1", b"s"), attempt_keys("ben", "2001:db8::ffff", b"s")
    other = attempt_keys("ben", "2001:db8:0:1::1", b"s")

    assert one == two and one[1] == other[1] and one[0] != other[0]
    assert attempt_keys("ben", "192.0.2.1", b"s")[0] != attempt_keys("ben", "192.0.2.2", b"s")[0]
    assert attempt_keys("ben", None, b"s") and attempt_keys("ben", "nonsense", b"s")
    assert "ben" not in "".join(one)
    assert attempt_keys("ben", None, b"s")[1] != attempt_keys("ben", None, b"other")[1]


def test_one_address_has_one_key_however_it_is_written():
    written = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:5000", "[::ffff:192.0.2.1]:443"]

    assert len({attempt_keys("ben", each, b"s")[0] for each in written}) == 1
    assert attempt_keys("ben", "::ffff:192.0.2.2", b"s")[0] != attempt_keys("ben", "::ffff:192.0.2.1", b"s")[0]
    assert attempt_keys("ben", "[2001:db8::1]:443", b"s") == attempt_keys("ben", "2001:db8::1", b"s")
