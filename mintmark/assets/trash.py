"""The trash: an asset there answers 404 at once, is nobody's to edit, and can come back; purging is for good.

Rule: what comes back is checked against the site of today. Where it does not hold any more it
comes back switched off, so that nobody gets an error from it unseen.
"""

from sqlalchemy import delete

from mintmark import access_tokens, log, search
from mintmark.assets import save
from mintmark.assets.anew import read_anew
from mintmark.assets.credentials import Credentials
from mintmark.errors import InvalidFields
from mintmark.keys import lasting, rings, sharing
from mintmark.keys.leaving import Use, has_issued, leave
from mintmark.log import Occasion
from mintmark.models import Access, Asset, FormerPath, Revision, Secret, SigningKey, TokenCount, db
from mintmark.sealing import Sealer


def trash(asset: Asset, *, by: Occasion) -> None:
    """Move an asset to the trash: its path answers 404 and is free."""
    leave(Use.of(asset), now=by.now)
    asset.trashed_at = int(by.now)
    search.forget(search.ASSET, [asset.id])
    log.note("asset.trashed", by, asset=asset.id, revision=asset.revision, detail={"path": asset.path})


def restore(
    asset: Asset, path: str, *, sealer: Sealer, by: Occasion, key: SigningKey | None = None
) -> list[tuple[str, str]]:
    """Take a locked asset out of the trash to a checked path; with another `key`, which signs at once.

    Return why it had to be switched off ((field, words); none where it holds). Raises FieldError where
    the path is taken, or its signing key serves another asset meanwhile that it may not share it with.
    """
    save.take_path(path, asset.id, now=by.now)
    definition = {**save.current_revision(asset).definition, "path": path}
    credentials = None
    if key is not None:
        definition |= {"signing_key": key.ring_id, "algorithm": key.algorithm}
        credentials = Credentials(ring_id=key.ring_id)
    problems: list[tuple[str, str]] = []
    try:
        read_anew(definition)
    except InvalidFields as error:
        problems, definition["live"] = error.problems, False
    # Still in the trash while its path changes: the one that it had may be another asset's.
    save.revise(asset, definition, None, sealer=sealer, by=by, credentials=credentials)
    for ring_id in sorted(Credentials.of(save.current_revision(asset)).ring_ids(by.now)):
        rings.lock_ring(ring_id)
        sharing.see_may_share(ring_id, asset.audience, asset.id, now=by.now)
        lasting.see_lifetime(ring_id, asset.lifetime, now=by.now)
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
    if has_issued(asset_id):
        lasting.remember(asset_id, signed_until=asset.trashed_at, now=by.now)
    log.note("asset.purged", by, asset=asset_id, revision=asset.revision, detail={"path": asset.path})
    search.forget(search.ASSET, [asset_id])
    access_tokens.forget_asset(asset_id)
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
