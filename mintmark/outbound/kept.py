"""What was fetched, kept for all nodes: one of them asks, the others use what is there and never wait.

Rule: a node claims an address by one statement before it asks, and no node asks again within the cool-down; nobody
holds a transaction while they ask. Whoever has no turn to wait for others goes on with what is kept (`waiting`). A
failure keeps the last good document, up to a stated age. Never called within a transaction that writes: the request's
own is ended where something is claimed.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mintmark.errors import Busy
from mintmark.models import db, writing
from mintmark.models.issuers import FetchedDocument
from mintmark.outbound import fetching, waiting
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.waiting import NoTurn

COOL_DOWN = 60  # Seconds between two requests for one address, over all nodes.
MAX_STALE = 86_400  # A document that could not be fetched anew is used so many seconds, and no longer.
_LEAST = 0.5  # Seconds in which a document may be read.
UNUSED = 30 * 86_400  # What nobody tried for so many seconds belongs to nobody here any more.
_DROPPED_AT_ONCE = 20
_MAX_SKEW = 600  # Clocks of nodes may be apart; a moment further ahead was written by a wrong one, and bars nothing.


@dataclass(frozen=True, slots=True)
class Kept:
    """The last good document of an address (None: there is none that may be used), and how it stands.

    `fetched_at` is when it was fetched, `tried_at` when a node asked last, `problem` why that failed.
    """

    body: dict[str, Any] | None
    fetched_at: int | None
    tried_at: int | None
    problem: str | None


def look(url: str, *, now: float) -> Kept:
    """Return what is kept of an address, and fetch nothing."""
    row = db.session.get(FetchedDocument, url, populate_existing=True)
    if row is None:
        return Kept(None, None, None, None)
    is_usable = row.fetched_at is not None and now - row.fetched_at < MAX_STALE
    return Kept(row.body if is_usable else None, row.fetched_at, row.tried_at, row.problem)


def get(
    url: str,
    *,
    now: float,
    max_age: int,
    fetch_also: frozenset[str],
    refetch: bool = False,
    see: Callable[[dict[str, Any]], object] | None = None,
    seconds: float = fetching.SECONDS,
) -> Kept:
    """Return what is kept of an address, fetched anew where it is older than `max_age`, or at once with `refetch`.

    `see` raises NotFetched where a document is not what was asked for: then the one before it stays.
    """
    kept = look(url, now=now)
    is_fresh = kept.fetched_at is not None and -_MAX_SKEW <= now - kept.fetched_at < max_age
    if (is_fresh and not refetch) or not _may_try(kept.tried_at, now):
        return kept
    try:
        with waiting.turn():
            if waiting.left(seconds) < _LEAST or not _claim(url, now, is_new=kept.tried_at is None):
                return kept  # Claimed in vain it would bar the others.
            body = fetching.fetch_json(url, fetch_also=fetch_also, seconds=seconds)
        if see is not None:
            see(body)
    except NoTurn:
        return kept
    except NotFetched as error:
        _write(url, problem=str(error))
        return replace(kept, tried_at=int(now), problem=str(error))
    _write(url, body=body, fetched_at=int(now), problem=None)
    return Kept(body, int(now), int(now), None)


def _may_try(tried_at: int | None, now: float) -> bool:
    return tried_at is None or not now - COOL_DOWN < tried_at <= now + _MAX_SKEW


def _claim(url: str, now: float, *, is_new: bool) -> bool:
    """Tell whether it is this node that asks; of several at the same moment one is told so."""
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    tried_at = FetchedDocument.tried_at
    statement = insert(FetchedDocument).values(url=url, tried_at=int(now), body=None, fetched_at=None, problem=None)
    claimed = statement.on_conflict_do_update(
        index_elements=["url"],
        set_={"tried_at": int(now)},
        where=or_(tried_at <= int(now) - COOL_DOWN, tried_at > int(now) + _MAX_SKEW),
    ).returning(FetchedDocument.url)
    try:
        with writing():
            if is_new:
                _drop_unused(now)
            return db.session.execute(claimed).first() is not None
    except Busy:  # What cannot be claimed is not asked for; what is kept still serves.
        return False


def _drop_unused(now: float) -> None:
    """Each new address takes some away that are no longer asked for, so that the table stays small."""
    unused = select(FetchedDocument.url).where(FetchedDocument.tried_at <= int(now) - UNUSED)
    some = unused.order_by(FetchedDocument.tried_at).limit(_DROPPED_AT_ONCE)
    db.session.execute(delete(FetchedDocument).where(FetchedDocument.url.in_(some)))


def _write(url: str, **values: Any) -> None:
    with suppress(Busy), writing():  # What cannot be kept was fetched all the same.
        db.session.execute(update(FetchedDocument).where(FetchedDocument.url == url).values(**values))
