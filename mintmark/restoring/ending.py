"""What ends with every restore, whatever the log says: each of these may have been ended since the backup."""

from typing import Any

from sqlalchemy import delete, func, select, update

from mintmark import site
from mintmark.log import Occasion
from mintmark.models import AccessToken, FetchedDocument, LogRow, PasswordLink, ProviderSession, Session, SpentToken, db
from mintmark.restoring.log_files import Since

_MOST_BEHIND = 3_600  # A clock that is behind by more is not told from one that was ahead.


def end_all(since: Since, *, by: Occasion) -> dict[str, int]:
    """End sessions, access tokens, links to set a password and to make the first administrator; return how many.

    Fetched keys of others are forgotten too: one that they took back since must not be trusted for a day.
    """
    now = int(by.now)
    statements: dict[str, Any] = {
        "sessions": update(Session).where(Session.ended_at.is_(None)).values(ended_at=now),
        "access_tokens": update(AccessToken).where(AccessToken.ended_at.is_(None)).values(ended_at=now),
        "links_to_set_a_password": delete(PasswordLink),
        "ID_tokens_of_providers": delete(ProviderSession),
        "fetched_documents": delete(FetchedDocument),
    }
    ended = {}
    for name, statement in statements.items():
        done: Any = db.session.execute(statement.execution_options(synchronize_session=False))
        ended[name] = int(done.rowcount)
    ended["links_for_the_first_administrator"] = int(site.close_setup(now=by.now))
    return ended


def epoch_of(since: Since, now: float) -> int:
    """Return until when whatever was signed by others may have been used here: now, or later by a clock ahead of ours.

    So a machine whose clock is behind revives nothing; a clock that was hours ahead once bars nobody for hours.
    """
    known = [since.last_at, db.session.scalar(select(func.max(LogRow.at)))]
    moments = [each // 1000 + 1 for each in known if each is not None]
    moments.append(db.session.scalar(select(func.max(SpentToken.spent_at))) or 0)
    return max(int(now), *(each for each in moments if each <= now + _MOST_BEHIND), 0)
