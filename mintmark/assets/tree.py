"""The asset tree: one level of it at a time, in the order of paths, in pages.

Rule: a folder costs one step, whatever is in it. The next entry is the smallest path behind all
that the last one stands for, so a level is read by jumps in the index of paths (a skip scan), never
by reading what lies below. Paths sort by code point on both databases; "0" comes right after "/".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from mintmark.assets.listing import PAGE_SIZE
from mintmark.assets.reach import Reach
from mintmark.models import Asset, db

MOST = 1_000  # Assets in a folder are counted up to here.
_LAST = "~"  # Behind every path.


@dataclass(frozen=True, slots=True)
class Entry:
    """An asset, or a folder with how many assets are in it (MOST + 1 stands for more). `path` has no slash behind."""

    path: str
    amount: int | None = None

    @property
    def is_folder(self) -> bool:
        """Tell whether this is a folder."""
        return self.amount is not None

    @property
    def place(self) -> str:
        """Return what the next page begins behind."""
        return self.path + "/" if self.is_folder else self.path


def level(reach: Reach, under: str = "", after: str = "", *, limit: int = PAGE_SIZE) -> tuple[list[Entry], bool]:
    """Return a page of the entries right under a path, and whether more follow. One statement, or none."""
    prefix = f"{under}/" if under else ""
    start = _behind(after) if after.startswith(prefix) and after != prefix else prefix
    if reach.few is not None:
        found = _among([own.path for own in reach.few], prefix, start)
    else:
        rows = db.session.execute(_statement(reach, prefix, start, limit + 1))
        found = [_entry(_place(path, prefix), amount) for path, amount in rows]
    return found[:limit], len(found) > limit


def _behind(place: str) -> str:
    """Return the smallest text behind an asset, or behind all that is in a folder."""
    return place[:-1] + "0" if place.endswith("/") else place + " "


def _place(path: str, prefix: str) -> str:
    """Return the entry of this level that a path belongs to: the path itself, or its folder with a slash behind."""
    head, slash, _ = path[len(prefix) :].partition("/")
    return prefix + head + slash


def _entry(place: str, amount: int) -> Entry:
    return Entry(place[:-1], amount) if place.endswith("/") else Entry(place)


def _among(paths: Iterable[str], prefix: str, start: str) -> list[Entry]:
    """Return the entries of one level among a few paths in order."""
    amounts: dict[str, int] = {}
    for path in paths:
        if path.startswith(prefix):
            place = _place(path, prefix)
            amounts[place] = amounts.get(place, 0) + 1
    return [_entry(place, min(amount, MOST + 1)) for place, amount in amounts.items() if place >= start]


def _statement(reach: Reach, prefix: str, start: str, limit: int) -> Select[*tuple[Any, ...]]:
    """Ask for the first path of each entry, and how many there are in it."""
    end = prefix[:-1] + "0" if prefix else _LAST
    entry = select(_first(reach, literal(start), end).label("path"), literal(1).label("number"))
    level = entry.cte("entry", recursive=True)
    is_in_folder, _, behind_folder = _folder(level.c.path, prefix)
    behind = case((is_in_folder, behind_folder), else_=level.c.path + " ")
    following = select(_first(reach, behind, end), level.c.number + 1)
    level = level.union_all(following.where(level.c.path.is_not(None), level.c.number < limit))
    is_in_folder, folder, behind_folder = _folder(level.c.path, prefix)
    # In order, so that the database stops after so many instead of finding all of them first.
    some = select(Asset.path).where(*_within(reach, folder, behind_folder)).order_by(Asset.path).limit(MOST + 1)
    counted = select(func.count()).select_from(some.correlate(level).subquery())
    amount = case((is_in_folder, counted.scalar_subquery()), else_=0)
    return select(level.c.path, amount).where(level.c.path.is_not(None)).order_by(level.c.number)


def _folder(path: ColumnElement[str], prefix: str) -> tuple[ColumnElement[bool], Any, Any]:
    """Return whether a path lies deeper than this level, the folder of this level that it is in, and what is behind."""
    find = func.instr if db.engine.dialect.name == "sqlite" else func.strpos
    slash = find(func.substr(path, len(prefix) + 1), "/")
    folder = func.substr(path, 1, len(prefix) + slash)
    return slash > 0, folder, func.substr(path, 1, len(prefix) + slash - 1) + "0"


def _first(reach: Reach, start: ColumnElement[str], end: str) -> ColumnElement[Any]:
    return select(func.min(Asset.path)).where(*_within(reach, start, end)).scalar_subquery()


def _within(reach: Reach, start: Any, end: Any) -> tuple[ColumnElement[bool], ...]:
    return Asset.trashed_at.is_(None), Asset.path >= start, Asset.path < end, reach.condition()
