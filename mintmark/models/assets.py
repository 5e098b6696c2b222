"""Assets with their revisions, secrets, access and former paths.

A revision is immutable and whole: `definition` holds everything but the secrets, which it
names beside it. `Asset` repeats what is searched by (path, name, live), `Access` who may fetch and
edit, both written by the same save, so that lists need no JSON.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import by_code_point, db, index_of_few, new_id


class Asset(db.Model):  # type: ignore[name-defined,misc]
    """What an administrator keeps at a path. `revision` is the number of the current one.

    `lifetime`, `ring_id`, `weak` and `fingerprint` (of its secret, the next one where its moment is known; "" with
    a signing key) repeat that revision too. `audience` are the texts of its literal `aud`, where it has one.
    """

    __tablename__ = "asset"
    __table_args__ = (
        index_of_few("uq_asset_path", "path", "trashed_at IS NULL", unique=True),
        # What the dashboard and the lists pick out: few among many.
        index_of_few("ix_asset_off", "path", "live = 0 AND trashed_at IS NULL", "NOT live AND trashed_at IS NULL"),
        index_of_few("ix_asset_trash", "trashed_at", "trashed_at IS NOT NULL"),
        index_of_few("ix_asset_endless", "path", "lifetime IS NULL AND trashed_at IS NULL"),
        index_of_few("ix_asset_weak", "path", "weak = 1 AND trashed_at IS NULL", "weak AND trashed_at IS NULL"),
        index_of_few("ix_asset_failing", "path", "failing > 0 AND trashed_at IS NULL"),
        index_of_few("ix_asset_unseen", "path", "unseen_since IS NOT NULL AND trashed_at IS NULL"),
        index_of_few("ix_asset_fingerprint", "fingerprint", "trashed_at IS NULL"),
        index_of_few("ix_asset_ring", "ring_id", "ring_id IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    path: Mapped[str] = mapped_column(by_code_point(String(255), 255))
    name: Mapped[str] = mapped_column(Text)
    live: Mapped[bool]
    for_everyone: Mapped[bool]
    lifetime: Mapped[int | None]
    weak: Mapped[bool]
    fingerprint: Mapped[str] = mapped_column(String(16))
    ring_id: Mapped[str | None] = mapped_column(String(36))
    audience: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    revision: Mapped[int]
    created_at: Mapped[int]
    trashed_at: Mapped[int | None]
    # The first revision that an editor saved since an administrator last looked (mintmark/assets/seen.py).
    unseen_since: Mapped[int | None]
    # What was found at the last save or look: how many readers would get an error, and all findings as JSON.
    examined_at: Mapped[int | None]
    failing: Mapped[int | None]
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))


class FormerPath(db.Model):  # type: ignore[name-defined,misc]
    """A path that an asset was moved away from, and until when it still answers."""

    __tablename__ = "former_path"

    path: Mapped[str] = mapped_column(by_code_point(String(255), 255), primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), index=True)
    moved_at: Mapped[int]
    answers_until: Mapped[int]


class Secret(db.Model):  # type: ignore[name-defined,misc]
    """The HMAC key of one asset, sealed for this row by the sealing key `sealed_by`.

    `kid` stands in the header of what it signs, in place of the asset's own.
    """

    __tablename__ = "secret"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_by: Mapped[str] = mapped_column(String(40), index=True)
    fingerprint: Mapped[str] = mapped_column(String(16), index=True)
    kid: Mapped[str | None] = mapped_column(Text)
    weak: Mapped[bool]
    created_at: Mapped[int]

    def __repr__(self) -> str:
        return f"<Secret {self.id}>"


class Revision(db.Model):  # type: ignore[name-defined,misc]
    """An immutable copy of an asset at one save, numbered from 1.

    It signs with the secret, from `next_from_at` on with the next one (none: that is staged and waits); or
    with the keys of a ring, until `former_until_at` with those of the ring that it had before.
    `lifetime` repeats the definition.
    """

    __tablename__ = "revision"
    __table_args__ = (
        index_of_few("ix_revision_ring", "ring_id", "ring_id IS NOT NULL"),
        index_of_few("ix_revision_former_ring", "former_ring_id", "former_ring_id IS NOT NULL"),
    )

    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
    actor: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    lifetime: Mapped[int | None]
    secret_id: Mapped[str | None] = mapped_column(ForeignKey("secret.id"))
    next_secret_id: Mapped[str | None] = mapped_column(ForeignKey("secret.id"))
    next_from_at: Mapped[int | None]
    ring_id: Mapped[str | None] = mapped_column(ForeignKey("key_ring.id"))
    former_ring_id: Mapped[str | None] = mapped_column(ForeignKey("key_ring.id"))
    former_until_at: Mapped[int | None]


class Access(db.Model):  # type: ignore[name-defined,misc]
    """A group whose people may fetch (`reader`) or edit (`editor`) an asset, as its current revision says."""

    __tablename__ = "access"
    __table_args__ = (Index("ix_access_group", "group_id", "asset_id"),)

    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("people_group.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6), primary_key=True)


# What joins an asset with its current revision.
IS_CURRENT = (Revision.asset_id == Asset.id) & (Revision.number == Asset.revision)
