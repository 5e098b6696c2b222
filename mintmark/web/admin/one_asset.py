"""The asset that an address names, unless it was saved meanwhile, and a new look at it: for the pages about one."""

from mintmark.assets import save
from mintmark.errors import Busy, MintmarkError, NotFound
from mintmark.examine import keeping
from mintmark.models import Asset, writing
from mintmark.models.base import find_by_id
from mintmark.web import get_mint
from mintmark.web.occasion import occasion


class SavedMeanwhile(MintmarkError):
    """Somebody else saved the asset since the page was loaded."""

    code = "saved_meanwhile"


def lock_as_seen(asset_id: str, seen: str) -> Asset:
    """Lock an asset whose current revision is still the one that the page showed. Raises NotFound, SavedMeanwhile."""
    asset = save.lock_asset(asset_id)
    if str(asset.revision) != seen:
        raise SavedMeanwhile("Somebody else saved this asset meanwhile.")
    return asset


def get_asset(asset_id: str, *, is_trashed: bool | None = False) -> Asset:
    """Return the asset of an id, out of the trash unless that is asked for (None: wherever it is). Raises NotFound."""
    asset = find_by_id(Asset, asset_id)
    if asset is None or (is_trashed is not None and (asset.trashed_at is not None) != is_trashed):
        raise NotFound("There is no such asset. It may have been moved to the trash, or taken away.")
    return asset


def look_again(asset_id: str) -> bool:
    """Examine an asset and keep what was found; tell whether it could be kept.

    The look comes before the transaction, so that tokens do not wait for it; and after a save, so that
    a slow look loses none.
    """
    mint, revision = get_mint(), get_asset(asset_id).revision
    try:
        prepared = mint.prepare(asset_id, revision)
        found = keeping.look(prepared, now=mint.clock(), site_url=mint.settings.site_url)
        with writing():
            keeping.keep(save.lock_asset(asset_id), revision, found, by=occasion())
    except (Busy, NotFound):
        return False
    return True
