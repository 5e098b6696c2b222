"""Lists of assets, by path, in pages; the number of queries does not depend on the number of assets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, or_, select

from mintmark.models import Access, Asset, Membership, Person, Revision, Secret, db

PAGE_SIZE = 50


def fetchable(person: Person, *, after: str = "") -> tuple[list[tuple[Asset, dict[str, Any]]], bool]:
    """Return a page of the live assets that a person may fetch, with definitions, and whether more follow."""
    statement = (
        select(Asset, Revision.definition)
        .join(Revision, (Revision.asset_id == Asset.id) & (Revision.number == Asset.revision))
        .where(Asset.live, Asset.trashed_at.is_(None), Asset.path > after)
        .order_by(Asset.path)
        .limit(PAGE_SIZE + 1)
    )
    if not person.is_admin:
        own_groups = select(Membership.group_id).where(Membership.person_id == person.id)
        listed = exists().where(Access.asset_id == Asset.id, Access.group_id.in_(own_groups))
        statement = statement.where(or_(Asset.for_everyone, listed))
    rows = [(asset, definition) for asset, definition in db.session.execute(statement)]
    return rows[:PAGE_SIZE], len(rows) > PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Kept:
    """An asset that is not in the trash, with its current revision and secret, detached from the session."""

    asset_id: str
    live: bool
    revision: Revision
    secret: Secret


def kept() -> Iterator[Kept]:
    """Yield every asset that is not in the trash, by path, one query per page."""
    after = ""
    while True:
        statement = (
            select(Asset.id, Asset.live, Asset.path, Revision, Secret)
            .join(Revision, (Revision.asset_id == Asset.id) & (Revision.number == Asset.revision))
            .join(Secret, Secret.id == Revision.secret_id)
            .where(Asset.trashed_at.is_(None), Asset.path > after)
            .order_by(Asset.path)
            .limit(PAGE_SIZE)
        )
        rows = db.session.execute(statement).all()
        for _, _, _, revision, secret in rows:
            db.session.expunge(revision)
            db.session.expunge(secret)
        for asset_id, live, _, revision, secret in rows:
            yield Kept(asset_id, live, revision, secret)
        if len(rows) < PAGE_SIZE:
            return
        after = rows[-1].path
