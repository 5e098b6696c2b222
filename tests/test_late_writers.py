"""A row that comes late to a database that somebody else has locked: its request is answered in time all the same."""

import sqlite3
import time
from contextlib import closing, contextmanager

import pytest

from mintmark.errors import NotRecorded
from mintmark.models.patience import REQUEST_SECONDS, patience

pytestmark = pytest.mark.timeout(60)


@contextmanager
def locked(house):
    """Hold the write lock as a shell or a backup of somebody else does."""
    with closing(sqlite3.connect(house.mint.settings.instance / "mintmark.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def row_of_now():
    columns = "actor address person asset revision issuer request jti kid sub code detail".split()
    return {"at": int(time.time() * 1000), "event": "token.issued", "outcome": "done", **dict.fromkeys(columns)}


@pytest.mark.parametrize("left", [0.3, 0.81, 1.2, REQUEST_SECONDS])
def test_a_row_waits_no_longer_than_its_request_may_whatever_was_waited_before(sqlite_house, left):
    recorder, wire = sqlite_house.mint.recorder, sqlite_house.mint.wire
    recorder.record(row_of_now())

    # Given a request that has waited for something else, and a file that is locked,
    with locked(sqlite_house), patience(left):
        began = time.monotonic()
        with pytest.raises(NotRecorded):
            recorder.record(row_of_now())
        waited = time.monotonic() - began

    # then it waits no longer than it may, and whoever comes next may wait as long as ever.
    assert waited < left + 0.7
    with patience(left):
        recorder.record(row_of_now())
    assert {each.execute("PRAGMA busy_timeout").fetchone()[0] for each in wire._idle} == {REQUEST_SECONDS * 1000}
