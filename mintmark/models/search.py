"""Words by which assets and people are found: one row for each word of each, read by prefix in order.

An index on both databases, so that a search costs the same among a million people as among ten
(mintmark/search.py).
"""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import by_code_point, db


class SearchWord(db.Model):  # type: ignore[name-defined,misc]
    """One word of an asset or a person (`kind`), in small letters; `label` is what those of one word are sorted by."""

    __tablename__ = "search_word"
    __table_args__ = (Index("ix_search_word_entry", "entry_id", "kind", "word"),)

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    word: Mapped[str] = mapped_column(by_code_point(String(60), 60), primary_key=True)
    label: Mapped[str] = mapped_column(by_code_point(Text()), primary_key=True)
    entry_id: Mapped[str] = mapped_column(String(36), primary_key=True)
