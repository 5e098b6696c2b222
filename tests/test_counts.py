"""Counts: each row of the log stands in them exactly once, however many processes count and whenever they die."""

import contextlib
import threading
import time

import pytest
from sqlalchemy import insert, text

from mintmark import counts, recorder
from mintmark.counts import reading, rolling
from mintmark.models import LogRow, db
from mintmark.models.base import writing_to
from tests.conftest import START
from tests.log_rows import add_rows as add_any_rows
from tests.log_rows import count_all
from tests.making import make_asset, make_person

HOUR, DAY = 3600, 86400


def add_rows(house, amount, *, asset="a" * 36, **columns):
    add_any_rows(house, amount, asset=asset, **columns)


# Several writers: there only may ids come in another order than commits.
postgresql_only = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def counted(house, asset=""):
    rows = house.rows(
        "SELECT at, outcome, amount FROM token_count WHERE asset = :asset ORDER BY at, outcome", asset=asset
    )
    return [(row["at"], row["outcome"], row["amount"]) for row in rows]


@pytest.mark.both_databases
def test_tokens_are_counted_by_hour_for_the_site_and_by_day_for_each_asset(house):
    hour, day = START // HOUR * HOUR, START // DAY * DAY
    add_rows(house, 3)
    add_rows(house, 2, at=START + HOUR, asset="b" * 36)
    add_rows(house, 4, at=START + HOUR, event="token.refused", outcome="refused")
    add_rows(house, 5, event="token.failed", outcome="failed")
    add_rows(house, 9, event="person.signed_in", asset=None)
    add_rows(house, 1, at=START + DAY)

    count_all(house, later=2 * DAY)

    assert counted(house) == [(hour, "done", 3), (hour, "failed", 5), (hour + HOUR, "done", 2), (hour + HOUR, "refused", 4),
                              (hour + DAY, "done", 1)]  # fmt: skip
    assert counted(house, "a" * 36) == [
        (day, "done", 3),
        (day, "failed", 5),
        (day, "refused", 4),
        (day + DAY, "done", 1),
    ]
    assert counted(house, "b" * 36) == [(day, "done", 2)]


def test_counting_again_adds_only_what_came_since(house):
    for amount in (3, 0, 4):
        if amount:
            add_rows(house, amount)
        count_all(house)
        count_all(house)

    assert [amount for _, _, amount in counted(house)] == [7]


def test_a_backlog_is_counted_in_steps(house, monkeypatch):
    monkeypatch.setattr(rolling, "STEP", 4)
    add_rows(house, 10)
    add_rows(house, 6, event="person.created")
    add_rows(house, 3)
    with house.app.app_context():
        first = counts.catch_up(db.engine, now=house.clock() + 60)
    assert (first, counted(house)[0][2]) == (True, 4)

    count_all(house)

    assert counted(house)[0][2] == 13


@pytest.mark.both_databases
def test_many_who_count_at_once_count_each_row_once(house, monkeypatch):
    monkeypatch.setattr(rolling, "STEP", 7)
    add_rows(house, 60)
    barrier, failures = threading.Barrier(4), []

    def count():
        barrier.wait()
        try:
            count_all(house)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    add_rows(house, 40)
    for thread in threads:
        thread.join()
    count_all(house)

    assert failures == []
    assert counted(house)[0][2] == 100
    assert counted(house, "a" * 36)[0][2] == 100


@pytest.mark.parametrize("dies_at", ["_add", "_drop_old"])
def test_who_dies_while_counting_leaves_nothing_half_counted(house, monkeypatch, dies_at):
    add_rows(house, 5)

    def die(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, contextlib.suppress(KeyboardInterrupt):
        dying.setattr(rolling, dies_at, die)
        count_all(house)
    assert counted(house) == []

    count_all(house)

    assert counted(house)[0][2] == 5


@contextlib.contextmanager
def open_row(house, at):
    """A row that has its id and is not committed yet: only where there are several writers."""
    with house.app.app_context(), db.engine.connect() as connection, connection.begin():
        row = {"at": int(at * 1000), "event": "token.issued", "outcome": "done", "asset": "a" * 36}
        connection.execute(insert(LogRow), row)
        yield


@pytest.mark.both_databases
@postgresql_only
def test_a_row_that_is_committed_behind_a_later_one_is_counted_too(house):
    with open_row(house, START):
        add_rows(house, 2)
        count_all(house, later=10)  # Too young to be settled.
        assert counted(house) == []
    count_all(house, later=20)

    assert counted(house)[0][2] == 3


@pytest.mark.both_databases
@postgresql_only
def test_while_a_commit_hangs_nothing_that_came_with_it_is_counted(house):
    with open_row(house, START), house.app.app_context(), db.engine.connect() as other:
        add_rows(house, 2, at=START)
        other.execute(text("SELECT pg_sleep(0.2)"))
        with db.engine.connect() as asking:
            age = rolling._seconds_of_oldest_writer(asking)
            # As long after the rows as the open transaction is old.
            assert age > 0.2
            assert rolling._next_step(asking, START + age, 9) == (rolling._next_step(asking, START, 9)[0], None, False)
    count_all(house)

    assert counted(house)[0][2] == 3


def test_rows_of_an_import_are_passed_over(house, monkeypatch):
    monkeypatch.setattr(rolling, "STEP", 5)
    add_rows(house, 12, event="person.created")
    add_rows(house, 2)

    count_all(house)

    assert counted(house)[0][2] == 2


def test_counts_over_four_hundred_days_old_are_removed(house):
    add_rows(house, 1)
    count_all(house)
    add_rows(house, 1, at=START + 402 * DAY)

    count_all(house, later=403 * DAY)

    assert [at for at, _, _ in counted(house)] == [(START + 402 * DAY) // HOUR * HOUR]
    assert len(counted(house, "a" * 36)) == 1


def test_the_recorder_has_tokens_counted_now_and_then(sqlite_house, monkeypatch):
    house = sqlite_house
    make_person(house, "ben")
    make_asset(house, "a")
    ben = house.signed_in("ben")
    assert ben.get("/a").status_code == 200
    assert counted(house) == []

    monkeypatch.setattr(recorder, "_COUNT_EVERY", 0.0)
    deadline = time.monotonic() + 10
    while sum(count for _, _, count in counted(house)) < 2 and time.monotonic() < deadline:
        assert ben.get("/a").status_code == 200  # Of two that count at once, one may leave a row to the next.
        time.sleep(0.02)

    assert counted(house)[0][2] >= 2


def test_what_fails_while_counting_is_said_and_stops_nothing(sqlite_house, capsys):
    with sqlite_house.app.app_context():
        with writing_to(db.engine) as connection:
            connection.execute(text("ALTER TABLE token_count RENAME TO elsewhere"))
        add_rows(sqlite_house, 1)
        counts.keep_up(db.engine, sqlite_house.clock)

    assert '"event":"counts.failed"' in capsys.readouterr().out


@pytest.mark.parametrize(("name", "bars", "seconds"), [("day", 24, HOUR), ("week", 28, 6 * HOUR), ("month", 30, DAY)])
def test_a_span_has_a_bar_for_each_part_of_it_also_where_nothing_was(house, name, bars, seconds):
    add_rows(house, 3)
    add_rows(house, 2, at=START - HOUR, event="token.failed", outcome="failed")
    add_rows(house, 7, at=START - 31 * DAY)
    count_all(house)

    with house.app.app_context():
        span = reading.span(name, now=START)

    assert (len(span.bars), span.seconds) == (bars, seconds)
    assert [span.bars[n].at - span.bars[n - 1].at for n in range(1, bars)] == [seconds] * (bars - 1)
    assert span.bars[-1].at <= START < span.bars[-1].at + seconds
    assert {outcome: span.total(outcome) for outcome in ("done", "refused", "failed")} == {
        "done": 3,
        "refused": 0,
        "failed": 2,
    }


def test_the_busiest_assets_are_those_with_the_most_tokens_of_the_week(house):
    quiet, busy, old = make_asset(house, "quiet"), make_asset(house, "busy"), make_asset(house, "old")
    add_rows(house, 1, asset=quiet)
    add_rows(house, 9, asset=quiet, event="token.failed", outcome="failed")
    add_rows(house, 3, asset=busy)
    add_rows(house, 2, asset=busy, at=START - 3 * DAY)
    add_rows(house, 50, asset=old, at=START - 8 * DAY)
    add_rows(house, 70, asset="b" * 36)  # Purged since.
    count_all(house)

    with house.app.app_context():
        found = reading.busiest(now=START)

    assert [(each.path, each.done) for each in found] == [("busy", 5), ("quiet", 1)]
