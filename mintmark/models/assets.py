"""Assets with their revisions, secrets and access.

A revision is immutable and whole: `definition` holds everything but the secret, which it
names. `Asset` repeats what is searched by (path, name, live), `Access` who may fetch and
edit, both written by the same save, so that lists need no JSON.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db, new_id


class Asset(db.Model):  # type: ignore[name-defined,misc]
    """What an administrator keeps at a path. `revision` is the number of the current one."""

    __tablename__ = "asset"
    __table_args__ = (
        Index(
            "uq_asset_path",
            "path",
            unique=True,
            sqlite_where=text("trashed_at IS NULL"),
            postgresql_where=text("trashed_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    path: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(Text)
    live: Mapped[bool]
    for_everyone: Mapped[bool]
    revision: Mapped[int]
    created_at: Mapped[int]
    trashed_at: Mapped[int | None]


class Secret(db.Model):  # type: ignore[name-defined,misc]
    """The HMAC key of one asset, sealed for this row."""

    __tablename__ = "secret"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    fingerprint: Mapped[str] = mapped_column(String(16), index=True)
    weak: Mapped[bool]
    created_at: Mapped[int]

    def __repr__(self) -> str:
        return f"<Secret {self.id}>"


class Revision(db.Model):  # type: ignore[name-defined,misc]
    """An immutable copy of an asset at one save, numbered from 1."""

    __tablename__ = "revision"

    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
    actor: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    secret_id: Mapped[str] = mapped_column(ForeignKey("secret.id"))


class Access(db.Model):  # type: ignore[name-defined,misc]
    """A group whose people may fetch (`reader`) or edit (`editor`) an asset, as its current revision says."""

    __tablename__ = "access"
    __table_args__ = (Index("ix_access_group", "group_id", "asset_id"),)

    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("people_group.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6), primary_key=True)
