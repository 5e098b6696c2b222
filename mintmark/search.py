"""Finding assets and people by words: each word of a query begins a word of what is found.

A row for each word of each entry, read in order by its index: what is looked for costs the same
among a million as among ten. What is found comes sorted by the word that was met, then by label.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select
from sqlalchemy.orm import aliased

from mintmark.models import SearchWord, db

ASSET, PERSON = "asset", "person"
MAX_WORDS = 5  # of a query; the rest is not looked at.
_WORD_CHARACTERS, _MAX_WORDS_KEPT = 60, 40
_RARE = 1_000
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


def words_of(texts: Iterable[str | None]) -> set[str]:
    """Return the words of texts in small letters; an e-mail address is a word too."""
    found: set[str] = set()
    for text in texts:
        for piece in (text or "").casefold().split():
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
    wanted = sorted(words_of([query]), key=len, reverse=True)[:MAX_WORDS]
    if not wanted:
        return []
    first = min(wanted, key=lambda word: _amount(kind, word)) if len(wanted) > 1 else wanted[0]
    statement = select(SearchWord.word, SearchWord.label, SearchWord.entry_id).where(_begins(SearchWord, kind, first))
    statement = statement.where(~_has_earlier(kind, first), *(_has(kind, word) for word in wanted if word != first))
    if after:
        statement = statement.where(_is_behind(after))
    rows = db.session.execute(
        statement.order_by(SearchWord.word, SearchWord.label, SearchWord.entry_id).limit(limit)
    ).all()
    return [Hit(row.entry_id, "\x1f".join(row)) for row in rows]


def _begins(words: Any, kind: str, prefix: str) -> ColumnElement[bool]:
    return and_(words.kind == kind, words.word >= prefix, words.word < prefix + _LAST)


def _amount(kind: str, prefix: str) -> int:
    """Count what has such a word, as far as it matters which of two is rarer."""
    some = select(SearchWord.word).where(_begins(SearchWord, kind, prefix)).limit(_RARE).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _has(kind: str, prefix: str) -> ColumnElement[bool]:
    other = aliased(SearchWord)
    return exists().where(other.entry_id == SearchWord.entry_id, _begins(other, kind, prefix))


def _has_earlier(kind: str, prefix: str) -> ColumnElement[bool]:
    """Tell whether the same entry was met already, by another word of this beginning."""
    other = aliased(SearchWord)
    return exists().where(
        other.entry_id == SearchWord.entry_id, other.kind == kind, other.word >= prefix, other.word < SearchWord.word
    )


def _is_behind(place: str) -> ColumnElement[bool]:
    word, label, entry_id = (place.split("\x1f") + ["", ""])[:3]
    return or_(
        SearchWord.word > word,
        and_(SearchWord.word == word, SearchWord.label > label),
        and_(SearchWord.word == word, SearchWord.label == label, SearchWord.entry_id > entry_id),
    )
