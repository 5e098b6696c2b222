"""Figures of a node: what several processes count is added up, and survives each of them."""

import os

import pytest

from mintmark import figures
from mintmark.figures import BOUNDS, Board, counted


@pytest.fixture
def board(tmp_path):
    """A board with room for two workers."""
    board = Board()
    board.begin(tmp_path, 2)
    return board


def in_a_worker(board, work):
    """Do something in a process that was forked and has joined; return when it has ended."""
    child = os.fork()
    if not child:
        try:
            board.join()
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_what_workers_count_is_added_up_and_stays_when_they_end(board, tmp_path):
    for status, seconds in ((200, 0.002), (204, 0.3), (503, 9.0)):
        in_a_worker(board, lambda: (board.come(), board.go(0, status, seconds)))  # noqa: B023 — called within its round.
    in_a_worker(board, lambda: (board.come(), board.add("database_deadlines", 3)))  # It dies at work.
    in_a_worker(board, lambda: (board.come(), board.go(1, 404, 0.0)))

    totals = board.read()

    assert {key: value for key, value in totals.requests.items() if value} == {
        ("token", "2xx"): 2,
        ("token", "5xx"): 1,
        ("page", "4xx"): 1,
    }
    bounds, total = totals.seconds["token"]
    assert dict(bounds)["0.0025"] == 1 and dict(bounds)["0.5"] == 2 and bounds[-1] == ("+Inf", 3)
    assert [float(bound) for bound, _ in bounds[:-1]] == list(BOUNDS)
    assert round(total, 3) == 9.302
    assert totals.counted == {"database_failures": 0, "database_deadlines": 3, "log_lines_dropped": 0}
    assert totals.at_work == 0
    assert list(tmp_path.iterdir()) == []  # Nothing is left behind.


def test_workers_that_live_at_once_have_slots_of_their_own(board):
    board.join()
    board.come()

    in_a_worker(board, lambda: (board.come(), board.come(), os._exit(0)))

    assert board.read().at_work == 3


def test_where_nothing_was_begun_nothing_is_counted():
    board = Board()
    board.join()
    board.add("database_deadlines")
    board.come()
    board.go(0, 200, 1.0)

    assert board.read() is None and not board.is_counting


def test_each_request_is_counted_by_its_door_and_one_that_raises_as_ours(board, monkeypatch):
    monkeypatch.setattr(figures, "board", board)
    board.join()

    def site(environ, start_response):
        if environ["PATH_INFO"] == "/bug":
            raise ZeroDivisionError
        start_response("404 Not Found", [])
        return [b""]

    answer = counted(site, lambda path: path == "/a")
    for path in ("/a", "/b", "/b"):
        assert answer({"PATH_INFO": path}, lambda *_: None) == [b""]
    with pytest.raises(ZeroDivisionError):
        answer({"PATH_INFO": "/bug"}, lambda *_: None)

    found = {key: value for key, value in board.read().requests.items() if value}
    assert found == {("token", "4xx"): 1, ("page", "4xx"): 2, ("page", "5xx"): 1}
    assert board.read().at_work == 0
