"""The ids of the log go on behind those that were lost: an id names one row for ever, also in files outside."""

from sqlalchemy import text

from mintmark.models import db
from mintmark.restoring.log_files import Since

_MOST_LOST = 1_000_000_000  # More rows than a site writes between two backups.
_SQLITE = "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = 'log'"
_SQLITE_FIRST = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'log', :last"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'log')"
)
# What setval does stays done whatever becomes of the transaction; it leaves a gap, and no id twice.
_POSTGRESQL = (
    "SELECT setval(pg_get_serial_sequence('log', 'id'), greatest(:last, nextval(pg_get_serial_sequence('log', 'id'))))"
)


def begin_behind(since: Since, *, is_known: bool) -> None:
    """Let the next row have an id that none has had; where it is not known which ones those are, far behind them."""
    last = max(since.backup_id, since.last_id or 0) + (0 if is_known else _MOST_LOST)
    is_sqlite = db.engine.dialect.name == "sqlite"
    for statement in (_SQLITE, _SQLITE_FIRST) if is_sqlite else (_POSTGRESQL,):
        db.session.execute(text(statement), {"last": last})
