"""The log: rows, append-only. Never a token, a secret, a password or a cookie."""

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db, index_of_few

PART = 8_192  # ids that stand together in an index (mintmark/models/log_parts.py); another number is another index.
PART_OF_ID = f"(log.id / {PART})"
_HAS_KID: Any = {"sqlite_where": text("kid IS NOT NULL"), "postgresql_where": text("kid IS NOT NULL")}
_PART = text(f"(id / {PART})")


class LogRow(db.Model):  # type: ignore[name-defined,misc]
    """One event. The columns are those of `flask log export`, in its order."""

    __tablename__ = "log"
    # Failures are found by the id in their answer. Tokens, the many, pay for three small places that are in memory:
    # at the end of one index, and in the last part of two or three others.
    __table_args__ = (
        index_of_few("ix_log_request", "request", "outcome <> 'done'"),
        Index("ix_log_at", "at"),
        Index("ix_log_part_person", _PART, "person", "id"),
        Index("ix_log_part_asset", _PART, "asset", "id"),
        Index("ix_log_part_kid", _PART, "kid", "id", **_HAS_KID),
        index_of_few("ix_log_event", "event id", "event <> 'token.issued'"),
        {"sqlite_autoincrement": True},  # An id is never used again.
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[int]
    event: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(10))
    actor: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    person: Mapped[str | None] = mapped_column(String(36))
    asset: Mapped[str | None] = mapped_column(String(36))
    revision: Mapped[int | None]
    issuer: Mapped[str | None] = mapped_column(Text)
    request: Mapped[str | None] = mapped_column(String(32))
    jti: Mapped[str | None] = mapped_column(String(255))
    kid: Mapped[str | None] = mapped_column(Text)
    sub: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(60))
    detail: Mapped[str | None] = mapped_column(Text)
