"""Tidying: what nobody needs any more is taken away, some at a time, while the site serves and other nodes do the same.

Rule: nothing that could still be of use goes, so each kind has a margin, counted by the earlier of two clocks, this
node's and the database's; one that jumps ahead frees nothing. Each batch is a transaction of its own that waits for
no row (what somebody else has locked is left for the next run), so it may be stopped anywhere and deadlocks nobody.
The log, the trash and former paths stay: an asset's history is found by every path that it had.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, tuple_

from mintmark import log
from mintmark.config import Settings
from mintmark.issuers import arriving, kept_refusals
from mintmark.log import Occasion
from mintmark.models import (
    AccessToken,
    AccessTokenAsset,
    Attempt,
    FetchedDocument,
    PasswordLink,
    ProviderSession,
    RefusedToken,
    Session,
    SpentToken,
    db,
    writing,
)
from mintmark.openid import provider_sessions
from mintmark.outbound import kept
from mintmark.sessions import is_over

BATCH = 500  # rows of one transaction
PAUSE_SECONDS = 0.02  # after each batch: who waits to write comes first.
DAY = 86_400
SESSION_MARGIN = PASSWORD_LINK_MARGIN = 30 * DAY
ACCESS_TOKEN_MARGIN = 90 * DAY
_PAGE = 5_000  # Rows of a table without an index on its moments that are looked at in one statement.


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rows. `due` finds those that may go; `take` takes them away, and yields how many at each commit."""

    name: str
    due: Select[Any]
    take: Callable[[], Iterator[int]]

    def count(self) -> int:
        """Return how many may go now."""
        return db.session.scalar(select(func.count()).select_from(self.due.subquery())) or 0


def kinds(now: float, settings: Settings) -> list[Kind]:
    """Return what may be taken away, in the order in which that is done: what hangs on a session goes before it."""
    now = _earlier_clock(now)
    windows = settings.limit_sign_in.seconds * 2 + DAY
    # Not as this command's own settings say: whether the site keeps any is for those who serve.
    refused = kept_refusals.is_due(now, is_keeping=True)
    return [
        _indexed("spent_tokens", SpentToken, arriving.is_long_unusable(now), SpentToken.keep_until_at),
        _indexed("refused_sign_ins", RefusedToken, refused, RefusedToken.at),
        _indexed("sign_in_attempts", Attempt, Attempt.window_at < now - windows, Attempt.window_at),
        _id_tokens(now, settings),
        _walked("sessions", Session.id, is_over(now - SESSION_MARGIN, settings), _take_sessions),
        _walked("access_tokens", AccessToken.id, _is_past(now - ACCESS_TOKEN_MARGIN), _take_access_tokens),
        _walked("password_links", PasswordLink.hash, PasswordLink.expires_at <= now - PASSWORD_LINK_MARGIN, _take),
        _walked("fetched_documents", FetchedDocument.url, FetchedDocument.tried_at <= now - kept.UNUSED, _take),
    ]


def note(taken: dict[str, int], *, by: Occasion) -> None:
    """Say in the log how many of each kind were taken away, where any were; in the caller's transaction."""
    if any(taken.values()):
        log.note("site.tidied", by, detail={name: amount for name, amount in taken.items() if amount})


def _earlier_clock(now: float) -> int:
    return min(int(now), db.session.scalar(select(arriving.database_clock())) or 0)


def _is_past(moment: int) -> ColumnElement[bool]:
    return (AccessToken.ended_at <= moment) | (AccessToken.expires_at <= moment)


def _indexed(name: str, model: Any, is_due: ColumnElement[bool], moment: Any) -> Kind:
    """Return a kind whose oldest rows an index finds."""
    due = select(*model.__table__.primary_key.columns).where(is_due)

    def take() -> Iterator[int]:
        while True:
            yield (taken := _take(model, due.order_by(moment)))
            if taken < BATCH:
                return

    return Kind(name, due, take)


def _id_tokens(now: int, settings: Settings) -> Kind:
    """They are no more than the sessions that providers began."""

    def take() -> Iterator[int]:
        while True:
            with writing():
                taken = provider_sessions.purge(now, settings, most=BATCH)
            yield taken
            if taken < BATCH:
                return

    return Kind("id_tokens", provider_sessions.of_sessions_over(now, settings), take)


def _walked(name: str, key: Any, is_due: ColumnElement[bool], take_some: Callable[[Any, Select[Any]], int]) -> Kind:
    """Return a kind that is walked through in the order of its keys, without a turn to write, for what is due."""

    def take() -> Iterator[int]:
        for keys in _keys_due(key, is_due):
            yield take_some(key.class_, select(key).where(key.in_(keys), is_due))

    return Kind(name, select(key).where(is_due), take)


def _keys_due(key: Any, is_due: ColumnElement[bool]) -> Iterator[list[str]]:
    after = ""
    while True:
        page = db.session.execute(select(key, is_due).where(key > after).order_by(key).limit(_PAGE)).all()
        db.session.rollback()
        due = [row[0] for row in page if row[1]]
        yield from (due[start : start + BATCH] for start in range(0, len(due), BATCH))
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _take_sessions(model: Any, due: Select[Any]) -> int:
    """One whose ID token is still there waits for the next run: somebody else has that token locked."""
    return _take(model, due.where(~exists().where(ProviderSession.id == Session.id)))


def _take_access_tokens(model: Any, due: Select[Any]) -> int:
    """First what says for which assets they are; where somebody else has some of that locked, the rest waits."""
    its = AccessTokenAsset.access_token_id
    theirs: Any = select(its, AccessTokenAsset.asset_id).where(its.in_(due))
    while _take(AccessTokenAsset, theirs) == BATCH:
        pass
    return _take(model, due.where(~exists().where(its == AccessToken.id)))


def _take(model: Any, due: Select[Any]) -> int:
    """Delete a batch of those rows, but for what somebody else has locked; return how many."""
    key = tuple_(*model.__table__.primary_key.columns)
    with writing() as session:
        found = session.execute(due.limit(BATCH).with_for_update(skip_locked=True, of=model))
        rows = [tuple(row) for row in found]
        if rows:
            session.execute(delete(model).where(key.in_(rows)).execution_options(synchronize_session=False))
    return len(rows)
