"""Flat lists of assets: what a word finds, and the few that need somebody's eye, in pages.

Rule: each list is read in the order of an index of its own (mintmark/models/assets.py), beginning
behind the last one seen, so that it costs the same among a hundred thousand as among ten.
"""

from typing import Any

from sqlalchemy import Text, and_, cast, func, or_, select

from mintmark import search
from mintmark.assets.attention import KEPT, KINDS
from mintmark.assets.listing import PAGE_SIZE
from mintmark.assets.reach import Reach
from mintmark.models import Asset, db

SHOWN = (*KINDS, "shared", "trash")


def pick(show: str, after: str, reach: Reach, *, limit: int = PAGE_SIZE) -> tuple[list[str], str | None]:
    """Return a page of the ids of one of SHOWN, and the place where the next page begins."""
    if show == "shared":
        return _page(_shared(after, reach), limit)
    if show == "trash":
        return _page(_trash(after, reach), limit)
    statement = select(Asset.id, Asset.path).where(KEPT, KINDS[show], Asset.path > after, reach.condition())
    return _page(statement.order_by(Asset.path), limit)


def find(query: str, after: str, reach: Reach, *, limit: int = PAGE_SIZE) -> tuple[list[str], str | None]:
    """Return a page of the ids of what has these words, and the place where the next page begins."""
    if reach.few is not None:
        found = [(own.id, own.path) for own in reach.few if own.path > after and _has(query, own.path, own.name)]
        return _cut(found, limit)
    hits = search.find(search.ASSET, query, after=after, limit=limit + 1)
    ids, place = _cut([(hit.id, hit.place) for hit in hits], limit)
    if reach.editor is None or not ids:
        return ids, place
    within = set(db.session.scalars(select(Asset.id).where(Asset.id.in_(ids), reach.condition())))
    return [asset_id for asset_id in ids if asset_id in within], place


def _has(query: str, *texts: str) -> bool:
    wanted = sorted(search.words_of([query]), key=len, reverse=True)[: search.MAX_WORDS]
    words = search.words_of(texts)
    return bool(wanted) and all(any(word.startswith(begin) for word in words) for begin in wanted)


def _shared(after: str, reach: Reach) -> Any:
    """Ask for assets whose secret another one has too, side by side. A place is a fingerprint and a path."""
    fingerprint, _, path = after.partition(" ")
    several = (
        select(Asset.fingerprint)
        .where(KEPT, Asset.fingerprint != "", Asset.fingerprint >= fingerprint)
        .group_by(Asset.fingerprint)
        .having(func.count() > 1)
        .order_by(Asset.fingerprint)
        .limit(PAGE_SIZE + 1)
    )
    behind = or_(Asset.fingerprint > fingerprint, and_(Asset.fingerprint == fingerprint, Asset.path > path))
    statement = select(Asset.id, Asset.fingerprint + " " + Asset.path)
    statement = statement.where(KEPT, Asset.fingerprint.in_(several), behind, reach.condition())
    return statement.order_by(Asset.fingerprint, Asset.path)


def _trash(after: str, reach: Reach) -> Any:
    """Ask for what is in the trash, the last first. A place is a moment and an id."""
    at, _, asset_id = after.partition(" ")
    place = cast(Asset.trashed_at, Text) + " " + Asset.id
    statement = select(Asset.id, place).where(Asset.trashed_at.is_not(None), reach.condition())
    if at.isdecimal() and len(at) < 16:
        before = or_(Asset.trashed_at < int(at), Asset.id < asset_id)
        statement = statement.where(Asset.trashed_at <= int(at), before)
    return statement.order_by(Asset.trashed_at.desc(), Asset.id.desc())


def _page(statement: Any, limit: int) -> tuple[list[str], str | None]:
    return _cut([(row[0], row[1]) for row in db.session.execute(statement.limit(limit + 1))], limit)


def _cut(found: list[tuple[str, str]], limit: int) -> tuple[list[str], str | None]:
    return [asset_id for asset_id, _ in found[:limit]], found[limit - 1][1] if len(found) > limit else None
