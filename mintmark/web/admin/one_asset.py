"""The asset that an address names, and a new look at it, for the pages about one asset."""

from mintmark.assets import save
from mintmark.errors import Busy, NotFound
from mintmark.examine import keeping
from mintmark.models import Asset, db, writing
from mintmark.web import get_mint
from mintmark.web.occasion import occasion


def get_asset(asset_id: str, *, is_trashed: bool | None = False) -> Asset:
    """Return the asset of an id, out of the trash unless that is asked for (None: wherever it is). Raises NotFound."""
    asset = db.session.get(Asset, asset_id) if "\x00" not in asset_id else None
    if asset is None or (is_trashed is not None and (asset.trashed_at is not None) != is_trashed):
        raise NotFound("There is no such asset. It may have been moved to the trash, or taken away.")
    return asset


def look_again(asset_id: str) -> bool:
    """Examine an asset and keep what was found; tell whether it could be kept.

    The look comes before the transaction, so that tokens do not wait for it; and after a save, so that
    a slow look loses none.
    """
    mint = get_mint()
    asset = get_asset(asset_id)
    revision = asset.revision
    found = keeping.look(asset, sealer=mint.settings.sealer, now=mint.clock(), site_url=mint.settings.site_url)
    try:
        with writing():
            keeping.keep(save.lock_asset(asset_id), revision, found, by=occasion())
    except (Busy, NotFound):
        return False
    return True
