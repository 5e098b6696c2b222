"""What needs an administrator's eye: how many assets of each kind, counted by an index of its own, and only so far."""

from typing import Any

from sqlalchemy import ColumnElement, func, select, text

from mintmark.models import Asset, db

MOST = 1_000  # Above that, how many more makes no difference to what is to be done.
KEPT = Asset.trashed_at.is_(None)
# Spelled as the conditions of the indexes in models/assets.py are; mintmark/assets/picks.py lists each kind.
KINDS: dict[str, ColumnElement[bool]] = {
    "failing": Asset.failing > text("0"),
    "unseen": Asset.unseen_since.is_not(None),
    "weak": Asset.weak,  # type: ignore[dict-item]
    "endless": Asset.lifetime.is_(None),
    "off": ~Asset.live,
}


def amounts() -> dict[str, int]:
    """Return how many assets are of each kind, MOST + 1 standing for any more; `shared` are secrets, not assets."""
    # In the order of paths, which makes SQLite take the index of each kind and no other.
    each = {kind: select(Asset.path).where(condition, KEPT).order_by(Asset.path) for kind, condition in KINDS.items()}
    columns = [_counted(some).label(kind) for kind, some in each.items()]
    shared = (
        select(Asset.fingerprint)
        .where(KEPT, Asset.fingerprint != "")
        .group_by(Asset.fingerprint)
        .having(func.count() > 1)
    )
    row = db.session.execute(select(*columns, _counted(shared).label("shared"))).one()
    return dict(row._mapping)


def _counted(some: Any) -> Any:
    return select(func.count()).select_from(some.limit(MOST + 1).subquery()).scalar_subquery()
