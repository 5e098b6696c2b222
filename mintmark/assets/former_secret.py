"""The former secret of an asset: until when the relying party needs it beside the present one."""

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import aliased

from mintmark.models import Revision, db

_later = aliased(Revision)  # The one that followed.


def needed_until(asset_id: str, secret_id: str, switched_at: int) -> int | None:
    """Return when the last token has expired that a secret signed before the switch; None: some never expire."""
    ends = case((_later.at < switched_at, _later.at), else_=switched_at)
    statement = (
        select(func.max(ends + Revision.lifetime), func.count() - func.count(Revision.lifetime))
        .outerjoin(_later, and_(_later.asset_id == Revision.asset_id, _later.number == Revision.number + 1))
        .where(Revision.asset_id == asset_id, Revision.at <= switched_at)
        .where(
            or_(
                Revision.secret_id == secret_id,
                and_(Revision.next_secret_id == secret_id, Revision.next_from_at.is_not(None)),
            )
        )
    )
    until, endless = db.session.execute(statement).one()
    return None if endless else until
