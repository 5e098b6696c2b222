"""Signing keys: key pairs that are published, and the rings in which one replaces the other.

A ring is what an asset names: a key, those that it replaced and those that will replace it, all
of one algorithm. Which of them signs follows from their moments and the clock (mintmark/keys/life.py).
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import by_code_point, db, new_id


class KeyRing(db.Model):  # type: ignore[name-defined,misc]
    """Keys of one algorithm that follow each other. `revision` counts changes, so that nobody signs with old ones.

    `left` is what assets left behind with it: asset → text of `aud` ("": none) → until when its tokens are good
    (mintmark/keys/leaving.py). Until `apart_until_at` tokens without an `aud` are about.
    """

    __tablename__ = "key_ring"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    algorithm: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int] = mapped_column(default=0)
    apart_until_at: Mapped[int | None]
    left: Mapped[dict[str, dict[str, int]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[int]


class SigningKey(db.Model):  # type: ignore[name-defined,misc]
    """One key pair with its moments. `public` are the members of its JWK that verify, and no others (RFC 7518 §6).

    `key_id` and `thumbprint` (RFC 7638) are never used again. `sealed` is the private half, PKCS #8, sealed for
    this row, until the key is gone. `algorithm` repeats the ring's. `due_at` is when the next one should
    sign, for the reminder only. Until `needed_until_at` tokens of assets that were purged may be good.
    """

    __tablename__ = "signing_key"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    ring_id: Mapped[str] = mapped_column(ForeignKey("key_ring.id"), index=True)
    algorithm: Mapped[str] = mapped_column(String(10))
    key_id: Mapped[str] = mapped_column(by_code_point(String(128), 128), unique=True)
    thumbprint: Mapped[str] = mapped_column(String(43), unique=True)
    public: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_by: Mapped[str | None] = mapped_column(String(40), index=True)
    is_brought: Mapped[bool]
    created_at: Mapped[int]
    published_at: Mapped[int]
    signs_from_at: Mapped[int]
    retired_at: Mapped[int | None]
    gone_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    due_at: Mapped[int | None]
    needed_until_at: Mapped[int | None]

    def __repr__(self) -> str:
        return f"<SigningKey {self.id}>"
