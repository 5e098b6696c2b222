"""What editors saved, until an administrator has seen it (ASVS 16.3.3).

Rule: seen is what stood on the page that was looked at; a save that came meanwhile stays unseen.
"""

from sqlalchemy import func, select

from mintmark import log
from mintmark.log import Occasion
from mintmark.models import Asset, Person, Revision, db


def mark(asset: Asset, number: int, *, by: Occasion) -> bool:
    """Note that a locked asset was seen as far as a revision; tell whether anything up to there was unseen."""
    since = asset.unseen_since
    if since is None or since > number:
        return False
    asset.unseen_since = _next_by_an_editor(asset, number)
    detail = {"path": asset.path, "since": since}
    log.note("asset.seen", by, asset=asset.id, revision=number, detail=detail)
    return True


def _next_by_an_editor(asset: Asset, number: int) -> int | None:
    """Return the first later revision that somebody saved who is no administrator."""
    people = select(Person.id).where(~Person.is_admin)
    later = select(func.min(Revision.number)).where(Revision.asset_id == asset.id, Revision.number > number)
    return db.session.scalar(later.where(Revision.actor.in_(people)))
