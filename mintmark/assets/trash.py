"""The trash: an asset there answers 404 at once, is nobody's to edit, and can come back; purging is for good.

Rule: what comes back is checked against the site of today. Where it does not hold any more it
comes back switched off, so that nobody gets an error from it unseen.
"""

from sqlalchemy import delete

from mintmark import log, search
from mintmark.assets import save
from mintmark.assets.anew import read_anew
from mintmark.errors import InvalidFields
from mintmark.log import Occasion
from mintmark.models import Access, Asset, FormerPath, Revision, Secret, TokenCount, db
from mintmark.sealing import Sealer


def trash(asset: Asset, *, by: Occasion) -> None:
    """Move an asset to the trash: its path answers 404 and is free."""
    asset.trashed_at = int(by.now)
    search.forget(search.ASSET, [asset.id])
    log.note("asset.trashed", by, asset=asset.id, revision=asset.revision, detail={"path": asset.path})


def restore(asset: Asset, path: str, *, sealer: Sealer, by: Occasion) -> list[tuple[str, str]]:
    """Take a locked asset out of the trash to a checked path.

    Return why it had to be switched off ((field, words); none where it holds). Raises FieldError
    where the path is taken.
    """
    save.take_path(path, asset.id, now=by.now)
    definition = {**save.current_revision(asset).definition, "path": path}
    problems: list[tuple[str, str]] = []
    try:
        read_anew(definition)
    except InvalidFields as error:
        problems, definition["live"] = error.problems, False
    # Still in the trash while its path changes: the one that it had may be another asset's.
    save.revise(asset, definition, None, sealer=sealer, by=by)
    asset.trashed_at = None
    save.flush_path()
    save.index_words(asset)
    log.note("asset.restored", by, asset=asset.id, revision=asset.revision, detail={"path": path})
    return problems


def purge(asset: Asset, *, by: Occasion) -> None:
    """Take an asset in the trash away for good, with all that was kept of it; the log keeps its rows."""
    if asset.trashed_at is None:
        raise ValueError("only what is in the trash is purged")
    asset_id = asset.id
    log.note("asset.purged", by, asset=asset_id, revision=asset.revision, detail={"path": asset.path})
    search.forget(search.ASSET, [asset_id])
    for statement in (
        delete(TokenCount).where(TokenCount.asset == asset_id),
        delete(Access).where(Access.asset_id == asset_id),
        delete(FormerPath).where(FormerPath.asset_id == asset_id),
        delete(Revision).where(Revision.asset_id == asset_id),
        delete(Secret).where(Secret.asset_id == asset_id),
        delete(Asset).where(Asset.id == asset_id),
    ):
        db.session.execute(statement)
    db.session.flush()
