"""Former paths: where an asset was moved away from, and until when that still answers.

Rule: a path that still answers for an asset out of the trash is that asset's, and no other one
takes it. Whoever takes a path ends what it was before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select

from mintmark.errors import FieldError
from mintmark.models import Asset, FormerPath, db
from mintmark.moment import iso

PAGE_SIZE = 50
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Holder:
    """The asset for which a former path still answers: its id, its present path, and until when."""

    asset_id: str
    path: str
    until: int

    @property
    def words(self) -> str:
        """Say why nobody else takes the path, and what to do."""
        return f"still answers for the asset at `{self.path}` until {iso(self.until)[:10]}; end that first"


def of_asset(asset_id: str, *, now: float, after: str = "", limit: int = PAGE_SIZE) -> list[FormerPath]:
    """Return the former paths of an asset that still answer, in the order of paths."""
    statement = select(FormerPath).where(FormerPath.asset_id == asset_id, FormerPath.answers_until > int(now))
    return [*db.session.scalars(statement.where(FormerPath.path > after).order_by(FormerPath.path).limit(limit))]


def taken(paths: Iterable[str], *, now: float) -> dict[str, Holder]:
    """Return which of some hundreds of paths still answer for an asset, and for which one."""
    statement = (
        select(FormerPath.path, FormerPath.answers_until, Asset.id, Asset.path.label("present"))
        .join(Asset, Asset.id == FormerPath.asset_id)
        .where(FormerPath.path.in_(list(paths)), FormerPath.answers_until > int(now), Asset.trashed_at.is_(None))
    )
    return {row.path: Holder(row.id, row.present, row.answers_until) for row in db.session.execute(statement)}


def take(path: str, asset_id: str, *, now: float) -> None:
    """Give a path to an asset for its own. Raises FieldError where it still answers for another one."""
    holder = taken([path], now=now).get(path)
    if holder and holder.asset_id != asset_id:
        raise FieldError(holder.words, "path")
    db.session.execute(delete(FormerPath).where(FormerPath.path == path))


def keep(path: str, asset_id: str, *, now: float, until: int) -> None:
    """Let a path that an asset leaves answer until a moment."""
    db.session.merge(FormerPath(path=path, asset_id=asset_id, moved_at=int(now), answers_until=until))
    db.session.flush()


def end(path: str, asset_id: str) -> bool:
    """Let a former path of an asset answer no more; tell whether there was one."""
    statement = delete(FormerPath).where(FormerPath.path == path, FormerPath.asset_id == asset_id)
    return bool(db.session.connection().execute(statement).rowcount)
