"""Access tokens, with which people's programs fetch tokens: hashed, named, limited to chosen assets."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db, new_id


class AccessToken(db.Model):  # type: ignore[name-defined,misc]
    """One access token. `hash` is the SHA-256 of its text, which is random, 256 bit, and shown once."""

    __tablename__ = "access_token"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
    expires_at: Mapped[int]
    last_used_at: Mapped[int | None]
    ended_at: Mapped[int | None]

    def __repr__(self) -> str:
        return f"<AccessToken {self.id}>"


class AccessTokenAsset(db.Model):  # type: ignore[name-defined,misc]
    """An asset that an access token may fetch, where its person may."""

    __tablename__ = "access_token_asset"
    __table_args__ = (Index("ix_access_token_asset_asset", "asset_id"),)

    access_token_id: Mapped[str] = mapped_column(ForeignKey("access_token.id"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
