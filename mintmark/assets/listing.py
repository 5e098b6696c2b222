"""Lists of assets, by path, in pages; the number of queries does not depend on the number of assets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from mintmark.assets.signing import Source, sources_of
from mintmark.models import IS_CURRENT, Access, Asset, Group, Membership, Person, Revision, db

PAGE_SIZE = 50


def fetchable(
    person: Person, *, after: str = "", which: ColumnElement[bool] | None = None
) -> tuple[list[tuple[Asset, dict[str, Any]]], bool]:
    """Return a page of the live assets that a person may fetch, with definitions, and whether more follow.

    `which` is a condition for those that are asked for.
    """
    conditions = [Asset.live, Asset.trashed_at.is_(None), Asset.path > after, *([] if which is None else [which])]
    statement = (
        select(Asset, Revision.definition)
        .join(Revision, IS_CURRENT)
        .where(*conditions)
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
class Row:
    """One line of a list: an asset, when it was last saved, and who may fetch and edit it.

    `access` has the readers and editors as definitions have them; `group_names` is id → name of those.
    """

    asset: Asset
    saved_at: int
    access: dict[str, Any]
    group_names: dict[str, str]


def rows(which: ColumnElement[bool]) -> list[Row]:
    """Return the assets of a condition that holds for few, in no order. Two statements."""
    statement = select(Asset, Revision.at).join(Revision, IS_CURRENT).where(which)
    found = {asset.id: Row(asset, at, _access(asset), {}) for asset, at in db.session.execute(statement)}
    groups = (
        select(Access.asset_id, Access.kind, Group.id, Group.name)
        .join(Group, Group.id == Access.group_id)
        .where(Access.asset_id.in_(found))
    )
    for asset_id, kind, group_id, name in db.session.execute(groups):
        row = found[asset_id]
        row.group_names[group_id] = name
        row.access[kind + "s"].append(group_id)
    return list(found.values())


def _access(asset: Asset) -> dict[str, Any]:
    return {"readers": "everyone" if asset.for_everyone else [], "editors": []}


@dataclass(frozen=True, slots=True)
class Kept:
    """An asset that is not in the trash, with its current revision and what that signs with, all detached."""

    asset_id: str
    live: bool
    revision: Revision
    source: Source


def kept() -> Iterator[Kept]:
    """Yield every asset that is not in the trash, by path, three queries per page; the session holds nothing after."""
    after = ""
    while True:
        statement = (
            select(Asset.id, Asset.live, Asset.path, Revision)
            .join(Revision, IS_CURRENT)
            .where(Asset.trashed_at.is_(None), Asset.path > after)
            .order_by(Asset.path)
            .limit(PAGE_SIZE)
        )
        rows = db.session.execute(statement).all()
        sources = sources_of(db.session(), [row.Revision for row in rows])
        db.session.expunge_all()
        for (asset_id, live, _, revision), source in zip(rows, sources, strict=True):
            yield Kept(asset_id, live, revision, source)
        if len(rows) < PAGE_SIZE:
            return
        after = rows[-1].path
