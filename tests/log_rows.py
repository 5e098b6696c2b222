"""Rows of the log by the thousand, as the recorder writes them, and the statements that a page costs."""

from contextlib import contextmanager

from sqlalchemy import event, insert

from mintmark import counts
from mintmark.models import LogRow, db, writing
from tests.conftest import START


def add_rows(house, amount=1, *, at=START, event="token.issued", outcome="done", apart=0.0, **columns):
    """Commit so many rows, `apart` seconds from each other."""
    rows = [
        {"at": int((at + number * apart) * 1000), "event": event, "outcome": outcome, **columns}
        for number in range(amount)
    ]
    with house.app.app_context(), writing():
        db.session.execute(insert(LogRow), rows)


def count_all(house, later=60):
    """Have everything counted that was written before now."""
    with house.app.app_context():
        while counts.catch_up(db.engine, now=house.clock() + later):
            pass


@contextmanager
def statements(house):
    """Collect the statements that are executed meanwhile."""
    seen = []

    def note(_connection, _cursor, statement, *_others):
        seen.append(statement)

    with house.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
