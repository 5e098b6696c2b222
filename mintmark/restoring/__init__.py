"""After a restore: a backup does not know what happened after it, and what was ended must not begin again.

Rule: what can be known from the log is taken away again; what cannot is ended, or replaced, or said so that somebody
looks. All of it is one transaction of the caller's, and doing it again does no harm but that it ends things once more.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text, update

from mintmark import copies, log
from mintmark.log import Occasion
from mintmark.models import Site, db
from mintmark.restoring import assets, ending, groups, people, signing_keys, sources
from mintmark.restoring.again import find_last_run
from mintmark.restoring.log_files import Since, read
from mintmark.restoring.numbering import begin_behind
from mintmark.restoring.report import Report
from mintmark.sealing import Sealer


def is_due() -> bool:
    """Tell whether this database was put back as far as the site can know, or this was only just done about it."""
    return copies.is_copy(db.session.connection()) or find_last_run() is not None


def read_logs(paths: Sequence[Path], *, is_whole: bool) -> Since:
    """Return what these files say of the time since the backup; `is_whole`: they are to say all. Raises FieldError."""
    return read(paths, is_whole=is_whole)


def restore(since: Since, *, without_log: bool, sealer: Sealer, by: Occasion) -> Report:
    """End what the database would revive, and take away again what the log says; return what was done."""
    report = Report(since, without_log=without_log)
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL statement_timeout = 0"))  # Nobody waits for this but who runs it.
    begin_behind(since, is_known=not without_log)
    report.ended = ending.end_all(since, by=by)
    if without_log:
        signing_keys.replace_all(report, sealer=sealer, by=by)
    else:
        signing_keys.revoke_again(since.rows, report, sealer=sealer, by=by)
    sources.take_away_again(since.rows, report, by=by)
    people.take_away_again(since.rows, report, by=by)
    assets.take_away_again(since.rows, report, sealer=sealer, by=by)
    groups.take_away_again(since.rows, report, by=by)  # Behind the assets, which may have named them.
    _settle(ending.epoch_of(since, by.now))
    log.note("site.restored", by, detail=report.detail())
    return report


def settle_moved(*, by: Occasion) -> None:
    """Let the site serve from where its database is now, in the caller's transaction: nothing was lost."""
    copies.settle(db.session.connection())
    log.note("site.restored", by, detail={"moved": True})


def _settle(epoch: int) -> None:
    db.session.flush()
    db.session.execute(update(Site).where(Site.id == 1).values(restored_at=epoch))
    copies.settle(db.session.connection())
