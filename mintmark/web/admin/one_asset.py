"""The asset that an address names, for the pages about one asset."""

from mintmark.errors import NotFound
from mintmark.models import Asset, db


def get_asset(asset_id: str, *, is_trashed: bool | None = False) -> Asset:
    """Return the asset of an id, out of the trash unless that is asked for (None: wherever it is). Raises NotFound."""
    asset = db.session.get(Asset, asset_id)
    if asset is None or (is_trashed is not None and (asset.trashed_at is not None) != is_trashed):
        raise NotFound("There is no such asset. It may have been moved to the trash, or taken away.")
    return asset
