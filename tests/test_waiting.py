"""Waiting for others: one thread of a process at a time, until one deadline, and nobody takes every turn (CWE-400)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mintmark.models import db, writing
from mintmark.outbound import kept, waiting
from mintmark.outbound.fetching import NotFetched, fetch_json
from mintmark.outbound.waiting import NoTurn
from tests.elsewhere import elsewhere


def taken(whose=None, seconds=9.0):
    """Take the turn in another thread; return what lets it go."""
    begun, over = threading.Event(), threading.Event()

    def wait():
        with waiting.turn(seconds, whose):
            begun.set()
            over.wait(20)

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(5)
    return lambda: (over.set(), thread.join())


def has_turn(whose=None):
    try:
        with waiting.turn(9, whose):
            return True
    except NoTurn as error:
        assert "few seconds" in str(error)
        return False


def test_one_thread_waits_and_the_others_are_told_at_once():
    let_go = taken()
    with ThreadPoolExecutor(4) as pool:
        assert not any(pool.map(lambda _: has_turn(), range(8)))

    let_go()
    assert has_turn()
    with waiting.turn():  # One within another is the same.
        assert has_turn()
    assert has_turn()
    with pytest.raises(ZeroDivisionError), waiting.turn():
        raise ZeroDivisionError
    assert has_turn()


def test_what_is_sent_in_a_turn_ends_with_it_however_often():
    with elsewhere() as site:
        site.answers["/jwks"] = lambda _: time.sleep(0.3) or {"keys": []}
        began = time.monotonic()
        with waiting.turn(0.5):
            assert fetch_json(site.url(), fetch_also=site.listed) == {"keys": []}
            for _ in range(2):
                with pytest.raises(NotFetched, match="in time"):
                    fetch_json(site.url(), fetch_also=site.listed)
        assert time.monotonic() - began < 3
        assert fetch_json(site.url(), fetch_also=site.listed) == {"keys": []}


def test_who_took_long_rests_as_long_and_leaves_the_next_turn_to_others(monkeypatch):
    clock = [1_000.0]
    monkeypatch.setattr(waiting, "monotonic", lambda: clock[0])
    for seconds, rests in ((1, False), (3, True)):
        let_go = taken(whose="slow")
        clock[0] += seconds
        let_go()
        assert has_turn("slow") is not rests
        assert has_turn("other") and has_turn()
    clock[0] += 2.9
    assert not has_turn("slow")
    clock[0] += 0.1
    assert has_turn("slow")


def test_without_a_turn_what_is_kept_serves_and_nothing_is_claimed(sqlite_house):
    house = sqlite_house
    with elsewhere() as site, house.app.app_context():
        site.answers["/jwks"] = {"keys": []}
        options = {"max_age": 300, "fetch_also": site.listed}
        now = house.clock()
        let_go = taken()
        assert kept.get(site.url(), now=now, **options) == kept.Kept(None, None, None, None)
        let_go()
        with waiting.turn(0.4):  # Too little is left to read anything.
            assert kept.get(site.url(), now=now, **options).tried_at is None
        assert site.asked == []

        good = kept.get(site.url(), now=now, **options)
        let_go = taken()
        assert kept.get(site.url(), now=now + 900, **options) == good
        assert len(site.asked) == 1
        let_go()
        assert kept.get(site.url(), now=now + 900, **options).fetched_at == now + 900


def test_addresses_that_nobody_asks_for_any_more_go_when_new_ones_come(house):
    now, month = int(house.clock()), 30 * 86_400
    with house.app.app_context():
        with writing() as session:
            add = db.text("INSERT INTO fetched_document (url, tried_at) VALUES (:url, :at)")
            session.execute(add, [{"url": f"https://old.test/{each}", "at": now - month - each} for each in range(25)])
            session.execute(add, [{"url": "https://used.test/", "at": now - month + 1}])
        nobody = frozenset()
        for number, amount in ((1, 5 + 1 + 1), (2, 1 + 2)):
            kept.get(f"http://new.test/{number}", now=now, max_age=300, fetch_also=nobody)
            urls = [row["url"] for row in house.rows("SELECT url FROM fetched_document")]
            assert len(urls) == amount and "https://used.test/" in urls
