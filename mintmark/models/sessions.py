"""Sessions, which end here on the server, and counted sign-in attempts."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db, index_of_few


class Session(db.Model):  # type: ignore[name-defined,misc]
    """Somebody signed in on one device. Its id is random, 256 bit, and stands signed in the cookie.

    `source_id` is the trusted issuer or OpenID provider by which they came; then it may end sooner, at `expires_at`.
    """

    __tablename__ = "session"
    __table_args__ = (index_of_few("ix_session_source", "source_id", "source_id IS NOT NULL"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    signed_in_at: Mapped[int]
    last_used_at: Mapped[int]
    ended_at: Mapped[int | None]
    address: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)
    source_id: Mapped[str | None] = mapped_column(String(36))
    expires_at: Mapped[int | None]

    def __repr__(self) -> str:
        return f"<Session of {self.person_id}>"


class Attempt(db.Model):  # type: ignore[name-defined,misc]
    """How often one key (account or address, as a keyed hash) was counted in one window."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_window", "window_at"),)  # Old windows are purged by every count.

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    window_at: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
