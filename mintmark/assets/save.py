"""Saving: every save that changes something is a revision with who and when; nothing is overwritten."""

import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from mintmark import groups, log, search
from mintmark.assets import former
from mintmark.assets.secrets import SecretValue, check_secret, keep, open_secret
from mintmark.errors import FieldError, NotFound, SealError
from mintmark.fields import is_same
from mintmark.log import Occasion
from mintmark.models import Access, Asset, Revision, Secret, db
from mintmark.models.base import find_by_id, new_id
from mintmark.sealing import Sealer

_TAKEN = "is taken by another asset"


def find_asset(path: str) -> Asset | None:
    """Return the asset at a path that is not in the trash, live or switched off."""
    return db.session.scalar(select(Asset).where(Asset.path == path, Asset.trashed_at.is_(None)))


def current_revision(asset: Asset) -> Revision:
    """Return what the asset is now."""
    return db.session.get_one(Revision, (asset.id, asset.revision))


def lock_asset(asset_id: str, *, is_trashed: bool = False) -> Asset:
    """Return an asset as it is now, locked until the caller's transaction ends. Raises NotFound."""
    asset = find_by_id(Asset, asset_id, is_locked=True)
    if asset is None or (asset.trashed_at is not None) != is_trashed:
        raise NotFound("There is no such asset. It may have been moved to the trash, or taken away.")
    return asset


def take_path(path: str, asset_id: str, *, now: float) -> None:
    """Give a path to an asset for its own. Raises FieldError where another one has it, or still answers there."""
    # In this order: who moves away from a path at this moment is seen there still, or left it as a former one.
    holder = find_asset(path)
    if holder and holder.id != asset_id:
        raise FieldError(_TAKEN, "path")
    former.take(path, asset_id, now=now)


def flush_path() -> None:
    """Send an asset's path to the database. Raises FieldError where another transaction took it meanwhile."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise FieldError(_TAKEN, "path") from error


def create(
    definition: dict[str, Any],
    secret: SecretValue,
    *,
    sealer: Sealer,
    by: Occasion,
    told: Mapping[str, Any] | None = None,
) -> Asset:
    """Make an asset of a checked definition, as revision 1; the log says what is `told` too.

    Raises FieldError where the path is taken.
    """
    asset_id = new_id()
    take_path(definition["path"], asset_id, now=by.now)
    asset = Asset(id=asset_id, revision=1, created_at=int(by.now), weak=False, fingerprint="", **_columns(definition))
    db.session.add(asset)
    flush_path()
    _add_revision(asset, definition, keep(secret, asset.id, sealer=sealer, now=by.now), by=by)
    detail = {"path": asset.path, **_told(definition, secret, ["readers", "editors", "lifetime", "secret"])}
    detail |= told or {}
    log.note("asset.created", by, asset=asset.id, revision=1, detail=detail)
    return asset


def revise(
    asset: Asset,
    definition: dict[str, Any],
    secret: SecretValue | None,
    *,
    sealer: Sealer,
    by: Occasion,
    by_editor: bool = False,
    told: Mapping[str, Any] | None = None,
) -> list[str]:
    """Save a checked definition as the next revision; return the fields that changed ([]: nothing was saved).

    Without a `secret` the present one stays. What an editor saves is unseen until an administrator looked.
    The log says what is `told` too. Raises FieldError.
    """
    before = current_revision(asset)
    present = db.session.get_one(Secret, before.secret_id)
    changed = [name for name in definition if not is_same(before.definition.get(name), definition[name])]
    if is_other_secret(secret, present, sealer=sealer):
        changed.append("secret")
    if not changed:
        return []
    if secret is None and "algorithm" in changed:
        check_secret(open_secret(present, sealer=sealer), algorithm=definition["algorithm"], weak=present.weak)
    if "path" in changed:
        take_path(definition["path"], asset.id, now=by.now)
    asset.revision += 1
    if by_editor and asset.unseen_since is None:
        asset.unseen_since = asset.revision
    for name, value in _columns(definition).items():
        setattr(asset, name, value)
    flush_path()
    kept = keep(secret, asset.id, sealer=sealer, now=by.now) if secret and "secret" in changed else present
    _add_revision(asset, definition, kept, by=by)
    detail = {"path": asset.path, "fields": changed, **_told(definition, secret, changed), **(told or {})}
    log.note("asset.revised", by, asset=asset.id, revision=asset.revision, detail=detail)
    return changed


def index_words(asset: Asset) -> None:
    """Let an asset be found by the words of its path and name."""
    search.index(search.ASSET, [search.Entry(asset.id, asset.path, [asset.path, asset.name])])


def _told(definition: dict[str, Any], secret: SecretValue | None, changed: list[str]) -> dict[str, Any]:
    """Return what the log says of a save beside its fields: who may fetch and edit, for how long, and a weak secret."""
    names = groups.names_by_id()
    told: dict[str, Any] = {
        field: "everyone" if definition[field] == "everyone" else sorted(names[each] for each in definition[field])
        for field in ("readers", "editors")
        if field in changed
    }
    if "lifetime" in changed:
        told["lifetime"] = definition["lifetime"]
    return {**told, "weak_secret": secret.weak} if secret and "secret" in changed else told


def is_other_secret(secret: SecretValue | None, present: Secret, *, sealer: Sealer) -> bool:
    """Tell whether saving this secret would change anything; None keeps the present one."""
    if secret is None:
        return False
    try:
        is_equal = hmac.compare_digest(open_secret(present, sealer=sealer), secret.value)
    except SealError:
        return True  # What does not open is replaced.
    return not is_equal or secret.weak != present.weak


def _columns(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what `Asset` repeats of its definition, for lists and look-up."""
    return {
        "path": definition["path"],
        "name": definition["name"],
        "live": definition["live"],
        "for_everyone": definition["readers"] == "everyone",
        "lifetime": definition["lifetime"],
    }


def _add_revision(asset: Asset, definition: dict[str, Any], secret: Secret, *, by: Occasion) -> None:
    asset.weak, asset.fingerprint = secret.weak, secret.fingerprint
    db.session.flush()
    index_words(asset)
    db.session.add(
        Revision(
            asset_id=asset.id,
            number=asset.revision,
            at=int(by.now),
            actor=by.actor,
            definition=definition,
            secret_id=secret.id,
        )
    )
    db.session.execute(delete(Access).where(Access.asset_id == asset.id))
    readers = [] if definition["readers"] == "everyone" else definition["readers"]
    for kind, group_ids in (("reader", readers), ("editor", definition["editors"])):
        db.session.add_all(Access(asset_id=asset.id, group_id=group_id, kind=kind) for group_id in group_ids)
    db.session.flush()
