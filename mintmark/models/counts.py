"""How many tokens were asked for: counted from the log, for pictures and lists that must not read it."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db

WHOLE_SITE = ""


class TokenCount(db.Model):  # type: ignore[name-defined,misc]
    """The whole site (`asset` is WHOLE_SITE) by the hour, or one asset by the day; `at` is where that begins."""

    __tablename__ = "token_count"
    __table_args__ = (Index("ix_token_count_at", "at", "outcome", "amount", "asset"),)  # The busiest of a day.

    asset: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(String(10), primary_key=True)
    amount: Mapped[int]
