"""Saving: every save that changes something is a revision with who and when; nothing is overwritten."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from mintmark import groups, log, search
from mintmark.assets import former
from mintmark.assets.columns import AUDIENCE_FROM, audience_of, columns_of
from mintmark.assets.credentials import Credentials
from mintmark.assets.fitting import see_fits
from mintmark.assets.secrets import SecretValue, keep, open_secret
from mintmark.errors import FieldError, NotFound, SealError
from mintmark.fields import is_same
from mintmark.keys import lasting, rings, sharing
from mintmark.keys.leaving import Use, give_up, has_issued, leave
from mintmark.log import Occasion
from mintmark.models import Access, Asset, Revision, Secret, db
from mintmark.models.base import find_by_id, new_id
from mintmark.sealing import Sealer

_TAKEN = "is taken by another asset"
_ALWAYS_TOLD = ("readers", "editors", "lifetime", "signing_key")


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
    secret: SecretValue | None,
    *,
    sealer: Sealer,
    by: Occasion,
    told: Mapping[str, Any] | None = None,
) -> Asset:
    """Make an asset of a checked definition, as revision 1; the log says what is `told` too.

    The `secret` is None where the definition names a signing key. Raises FieldError where the path is taken,
    or the key may not be shared.
    """
    asset_id = new_id()
    take_path(definition["path"], asset_id, now=by.now)
    asset = Asset(id=asset_id, revision=1, created_at=int(by.now), weak=False, fingerprint="", **columns_of(definition))
    asset.audience = audience_of(definition)
    db.session.add(asset)
    flush_path()
    credentials = _credentials(asset, definition, secret, Credentials(), sealer=sealer, now=by.now, is_other_use=True)
    see_fits(credentials, definition, definition, sealer=sealer, now=by.now)
    _add_revision(asset, definition, credentials, by=by)
    detail = {"path": asset.path, **_told(definition, secret, [*_ALWAYS_TOLD, "secret"], by.now)}
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
    credentials: Credentials | None = None,
) -> list[str]:
    """Save a checked definition as the next revision; return the fields that changed ([]: nothing was saved).

    Without a `secret` the present one stays. What an editor saves is unseen until an administrator looked.
    The log says what is `told` too. `credentials` are what overlap.py made of the present ones. Raises FieldError.
    """
    before = current_revision(asset)
    was = Credentials.of(before)
    present_id = was.present_secret_id(by.now)
    present = db.session.get_one(Secret, present_id) if present_id else None
    changed = [name for name in definition if not is_same(before.definition.get(name), definition[name])]
    if is_other_secret(secret, present, sealer=sealer):
        changed.append("secret")
    if credentials is not None and credentials.following() != was.following():
        changed.append("next_secret")
    if not changed:
        return []
    if "path" in changed:
        take_path(definition["path"], asset.id, now=by.now)
    use = Use.of(asset)
    asset.revision += 1
    if by_editor and asset.unseen_since is None:
        asset.unseen_since = asset.revision
    is_other_use = _take_over(asset, definition, changed)
    if credentials is None:
        kept = secret if "secret" in changed else None
        credentials = _credentials(asset, definition, kept, was, sealer=sealer, now=by.now, is_other_use=is_other_use)
    see_fits(credentials, definition, changed, sealer=sealer, now=by.now)
    give_up(use, Use.of(asset), by_editor=by_editor, now=by.now)  # Behind the locks of all rings that it concerns.
    _add_revision(asset, definition, credentials, by=by)
    detail = {"path": asset.path, "fields": changed, **_told(definition, secret, changed, by.now), **(told or {})}
    log.note("asset.revised", by, asset=asset.id, revision=asset.revision, detail=detail)
    return changed


def _take_over(asset: Asset, definition: dict[str, Any], changed: list[str]) -> bool:
    """Let an asset repeat its definition; tell whether it is another use of its key. Raises FieldError."""
    for name, value in columns_of(definition).items():
        setattr(asset, name, value)
    is_other_use = not AUDIENCE_FROM.isdisjoint(changed)
    if is_other_use:
        asset.audience = audience_of(definition)
    flush_path()
    return is_other_use


def _credentials(
    asset: Asset,
    definition: Mapping[str, Any],
    secret: SecretValue | None,
    was: Credentials,
    *,
    sealer: Sealer,
    now: float,
    is_other_use: bool,
) -> Credentials:
    """Return what the asset signs with from now on: its ring, another secret, or what it had. Raises FieldError.

    Whether the ring may be shared is looked at where it `is_other_use` of it: what only switches an asset off
    is never refused for the sake of another one.
    """
    ring_id = definition.get("signing_key")
    if ring_id is not None:
        # Of two saves at once the second sees the first; in one order, so that none waits for the other for ever.
        for each in sorted({each for each in (ring_id, was.ring_id, was.former_ring_id) if each}):
            rings.lock_ring(each)
        found = was if was.ring_id == ring_id else was.with_ring(ring_id, now, has_signed=has_issued(asset.id))
        for each in found.ring_ids(now):
            if is_other_use:
                sharing.see_may_share(each, asset.audience, asset.id, now=now)
            lasting.see_lifetime(each, asset.lifetime, now=now)
            if each != ring_id:
                leave(replace(Use.of(asset), ring_id=each), now=now, signs_until=found.former_until_at)
        return found
    if secret is not None:
        return was.with_secret(keep(secret, asset.id, sealer=sealer, now=now).id, now)
    if was.secret_id is None:
        raise FieldError("is missing: without a signing key an asset takes a secret", "secret")
    return was


def index_words(asset: Asset) -> None:
    """Let an asset be found by the words of its path and name."""
    search.index(search.ASSET, [search.Entry(asset.id, asset.path, [asset.path, asset.name])])


def _told(definition: dict[str, Any], secret: SecretValue | None, changed: list[str], now: float) -> dict[str, Any]:
    """Return what the log says of a save beside its fields: who may fetch and edit, lifetime, key, a weak secret."""
    names = groups.names_by_id()
    told: dict[str, Any] = {
        field: "everyone" if definition[field] == "everyone" else sorted(names[each] for each in definition[field])
        for field in ("readers", "editors")
        if field in changed
    }
    if "lifetime" in changed:
        told["lifetime"] = definition["lifetime"]
    if "signing_key" in changed and definition.get("signing_key"):
        told["signing_key"] = rings.names([definition["signing_key"]], now=now)[definition["signing_key"]]
    return {**told, "weak_secret": secret.weak} if secret and "secret" in changed else told


def is_other_secret(secret: SecretValue | None, present: Secret | None, *, sealer: Sealer) -> bool:
    """Tell whether saving this secret would change anything; None keeps the present one, or the signing key."""
    if secret is None:
        return False
    if present is None:
        return True
    try:
        is_equal = hmac.compare_digest(open_secret(present, sealer=sealer), secret.value)
    except SealError:
        return True  # What does not open is replaced.
    return not is_equal or secret.weak != present.weak or secret.kid not in (None, present.kid)


def _add_revision(asset: Asset, definition: dict[str, Any], credentials: Credentials, *, by: Occasion) -> None:
    final_id = credentials.final_secret_id()
    final = db.session.get_one(Secret, final_id) if final_id else None
    asset.weak, asset.fingerprint = (final.weak, final.fingerprint) if final else (False, "")
    db.session.flush()
    index_words(asset)
    db.session.add(
        Revision(
            asset_id=asset.id,
            number=asset.revision,
            at=int(by.now),
            actor=by.actor,
            definition=definition,
            lifetime=definition["lifetime"],
            **credentials.columns(),
        )
    )
    db.session.execute(delete(Access).where(Access.asset_id == asset.id))
    readers = [] if definition["readers"] == "everyone" else definition["readers"]
    for kind, group_ids in (("reader", readers), ("editor", definition["editors"])):
        db.session.add_all(Access(asset_id=asset.id, group_id=group_id, kind=kind) for group_id in group_ids)
    db.session.flush()
