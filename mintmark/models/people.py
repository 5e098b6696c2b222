"""People, groups, and the custom attributes that an administrator declared."""

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db, index_of_few, new_id


class Person(db.Model):  # type: ignore[name-defined,misc]
    """Somebody who signs in. Unique without regard to case (`username_key`), issued as typed.

    Who was erased keeps id and username, which nobody gets again, and nothing else.
    """

    __tablename__ = "person"
    # Administrators may fetch everything, so they are asked for with the readers of each asset.
    __table_args__ = (
        index_of_few("ix_person_admin", "id", "is_admin = 1", "is_admin"),
        index_of_few(
            "ix_person_off", "username_key", "live = 0 AND erased_at IS NULL", "NOT live AND erased_at IS NULL"
        ),
        index_of_few("ix_person_administrators", "username_key", "is_admin = 1", "is_admin"),
        index_of_few("ix_person_erased", "username_key", "erased_at IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(Text)
    username_key: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str | None] = mapped_column(Text)
    first_name: Mapped[str | None] = mapped_column(Text)
    last_name: Mapped[str | None] = mapped_column(Text)
    display_name: Mapped[str | None] = mapped_column(Text)
    is_admin: Mapped[bool] = mapped_column(default=False)
    live: Mapped[bool] = mapped_column(default=True)
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    attributes: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    password_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int]
    erased_at: Mapped[int | None]

    def __repr__(self) -> str:
        return f"<Person {self.id}>"


class PasswordLink(db.Model):  # type: ignore[name-defined,misc]
    """A link with which a person sets a password once; only the hash of what stands in it is kept."""

    __tablename__ = "password_link"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    made_at: Mapped[int]
    expires_at: Mapped[int]

    def __repr__(self) -> str:
        return f"<PasswordLink of {self.person_id}>"


class Group(db.Model):  # type: ignore[name-defined,misc]
    """A named set of people."""

    __tablename__ = "people_group"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[int]


class Membership(db.Model):  # type: ignore[name-defined,misc]
    """One person in one group."""

    __tablename__ = "membership"
    __table_args__ = (Index("ix_membership_group", "group_id", "person_id"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("people_group.id"), primary_key=True)


class Attribute(db.Model):  # type: ignore[name-defined,misc]
    """A custom attribute: its type decides what a template makes of it."""

    __tablename__ = "attribute"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(10))
    sensitive: Mapped[bool] = mapped_column(default=False)
    changed_by: Mapped[str] = mapped_column(String(20), default="administrators")
