"""Finding assets and people by words: each word of a query begins a word of what is found.

A row for each word of each entry, read in order by its index: what is looked for costs the same
among a million as among ten. What is found comes sorted by the word that was met, then by label.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select, true
from sqlalchemy.orm import aliased

from mintmark.models import SearchWord, db

ASSET, PERSON = "asset", "person"
MAX_WORDS = 5  # of a query; the rest is not looked at.
_WORD_CHARACTERS, _MAX_WORDS_KEPT = 60, 40
_RARE = 1_000
_TRIED = (200, 1_500)  # candidates of one page: as a rule the first few are enough.
_SEPARATORS = re.compile(r"[\W_]+")
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to be found: its id, what it is sorted by, and the texts whose words find it."""

    id: str
    label: str
    texts: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found; `place` is where the next page begins."""

    id: str
    place: str


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found; `next_place` is where to go on, None where there is no more."""

    hits: list[Hit]
    next_place: str | None


def words_of(texts: Iterable[str | None]) -> set[str]:
    """Return the words of texts in small letters; an e-mail address is a word too."""
    found: set[str] = set()
    for text in texts:
        for piece in (text or "").replace("\x00", " ").casefold().split():
            found |= {piece, *_SEPARATORS.split(piece)} if "@" in piece else {*_SEPARATORS.split(piece)}
    return set(sorted(word[:_WORD_CHARACTERS] for word in found if word)[:_MAX_WORDS_KEPT])


def index(kind: str, entries: Iterable[Entry], *, are_new: bool = False) -> None:
    """Keep the words of entries, in place of those kept before."""
    entries = list(entries)
    if not are_new:
        forget(kind, [entry.id for entry in entries])
    rows = [
        {"kind": kind, "word": word, "label": entry.label, "entry_id": entry.id}
        for entry in entries
        for word in words_of(entry.texts)
    ]
    if rows:
        db.session.connection().execute(insert(SearchWord), rows)


def forget(kind: str, entry_ids: Sequence[str]) -> None:
    """Drop the words of entries, at most some thousands at once."""
    those = SearchWord.entry_id.in_(entry_ids) & (SearchWord.kind == kind)
    db.session.connection().execute(delete(SearchWord).where(those))


def find(kind: str, query: str, *, after: str = "", limit: int) -> list[Hit]:
    """Return what has a word beginning with each word of the query; `after` is the place of the last one seen.

    At most seven statements. A query without any word finds nothing.
    """
    wanted = _wanted(query)
    if not wanted:
        return []
    first = _rarest(kind, wanted)
    return _hits(
        _met(SearchWord, kind, first, wanted).where(_begins(SearchWord, kind, first), _is_behind(after)),
        SearchWord,
        limit,
    )


def find_page(kind: str, query: str, *, after: str = "", limit: int) -> Found:
    """Return a page as `find` does, in bounded time: where two common words seldom meet, only some are tried.

    So a page may hold fewer than `limit`, or nothing, and still say where to go on. At most ten statements.
    """
    wanted = _wanted(query)
    if not wanted:
        return Found([], None)
    first, found = _rarest(kind, wanted), Found([], None)
    for most in _TRIED:
        found = _find_among(kind, first, wanted, after, most, limit)
        if len(found.hits) == limit or found.next_place is None:
            break
    return found


def _find_among(kind: str, first: str, wanted: Sequence[str], after: str, most: int, limit: int) -> Found:
    """Find among the next words that begin with `first`, so many at most."""
    next_ones = select(SearchWord).where(_begins(SearchWord, kind, first), _is_behind(after))
    next_ones = next_ones.order_by(*_order(SearchWord)).limit(most)
    tried = aliased(SearchWord, next_ones.subquery())
    hits = _hits(_met(tried, kind, first, wanted), tried, limit + 1)
    if len(hits) > limit:
        return Found(hits[:limit], hits[limit - 1].place)
    last = db.session.scalar(next_ones.offset(most - 1).limit(1))
    return Found(hits, None if last is None else _place(last))


def _wanted(query: str) -> list[str]:
    return sorted(words_of([query]), key=len, reverse=True)[:MAX_WORDS]


def _rarest(kind: str, wanted: Sequence[str]) -> str:
    return min(wanted, key=lambda word: _amount(kind, word)) if len(wanted) > 1 else wanted[0]


def _amount(kind: str, prefix: str) -> int:
    """Count what has such a word, as far as it matters which of two is rarer."""
    some = select(SearchWord.word).where(_begins(SearchWord, kind, prefix)).limit(_RARE).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _met(words: Any, kind: str, first: str, wanted: Sequence[str]) -> Select[Any]:
    """Ask for those among `words`, which begin with `first`, that have all the others, each entry once."""
    others = [_has(words, kind, word) for word in wanted if word != first]
    return select(words.word, words.label, words.entry_id).where(~_has_earlier(words, kind, first), *others)


def _hits(statement: Select[Any], words: Any, limit: int) -> list[Hit]:
    rows = db.session.execute(statement.order_by(*_order(words)).limit(limit)).all()
    return [Hit(row.entry_id, _place(row)) for row in rows]


def _order(words: Any) -> tuple[Any, Any, Any]:
    return words.word, words.label, words.entry_id


def _place(row: Any) -> str:
    return "\x1f".join((row.word, row.label, row.entry_id))


def _begins(words: Any, kind: str, prefix: str) -> ColumnElement[bool]:
    return and_(words.kind == kind, words.word >= prefix, words.word < prefix + _LAST)


def _has(words: Any, kind: str, prefix: str) -> ColumnElement[bool]:
    other = aliased(SearchWord)
    return exists().where(other.entry_id == words.entry_id, _begins(other, kind, prefix))


def _has_earlier(words: Any, kind: str, prefix: str) -> ColumnElement[bool]:
    """Tell whether the same entry was met already, by another word of this beginning."""
    other = aliased(SearchWord)
    is_earlier = and_(other.word >= prefix, other.word < words.word)
    return exists().where(other.entry_id == words.entry_id, other.kind == kind, is_earlier)


def _is_behind(place: str) -> ColumnElement[bool]:
    if not place:
        return true()
    word, label, entry_id = (place.split("\x1f") + ["", ""])[:3]
    return or_(
        SearchWord.word > word,
        and_(SearchWord.word == word, SearchWord.label > label),
        and_(SearchWord.word == word, SearchWord.label == label, SearchWord.entry_id > entry_id),
    )
