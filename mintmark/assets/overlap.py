"""Two secrets side by side: the next one is staged, tried, switched to, and for a while one can step back.

Rule: a secret never changes without a revision, and switching needs no timer: the moment stands in the
revision, and whoever signs compares it with the clock (mintmark/assets/signing.py).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from mintmark.assets import save
from mintmark.assets.credentials import Credentials
from mintmark.assets.fitting import see_contract_takes, see_staged_fits
from mintmark.assets.secrets import SecretValue, keep
from mintmark.errors import FieldError
from mintmark.log import Occasion
from mintmark.models import Asset, Revision, Secret, db
from mintmark.moment import iso
from mintmark.sealing import Sealer

STEP_BACK_SECONDS = 7 * 86_400
MAX_AHEAD_SECONDS = 366 * 86_400
_LOOKED_AT = 500  # revisions, for the moment since which a secret signs, or waits


def stage(asset: Asset, secret: SecretValue, *, sealer: Sealer, by: Occasion) -> list[str]:
    """Stage a secret beside the present one of a locked asset, in place of one that waits there.

    Its `kid` stands in the header of what it signs, where the relying party gives each secret an id. Raises FieldError.
    """
    credentials = _of_secret(asset)
    present = db.session.get_one(Secret, credentials.present_secret_id(by.now))
    if secret.kid == present.kid and not save.is_other_secret(secret, present, sealer=sealer):
        raise FieldError("is the present one, which signs already", "secret")
    see_contract_takes(save.current_revision(asset).definition, secret)
    row = keep(secret, asset.id, sealer=sealer, now=by.now)
    told = {"next_secret": "staged", "weak_secret": secret.weak}
    return _save(asset, credentials.with_next(row.id, by.now), told, sealer=sealer, by=by)


def switch(asset: Asset, at: int | None, *, sealer: Sealer, by: Occasion) -> list[str]:
    """Let the staged secret sign from a moment on; None: at once. Raises FieldError."""
    credentials = _of_staged(asset, by.now)
    moment = int(by.now) if at is None else at
    if moment < int(by.now):
        raise FieldError("is past", "switch_at")
    if moment > by.now + MAX_AHEAD_SECONDS:
        raise FieldError("is more than a year ahead", "switch_at")
    see_staged_fits(save.current_revision(asset).definition, credentials.next_secret_id, sealer=sealer)
    told = {"next_secret": "switched", "signs_from_at": iso(moment)}
    return _save(asset, credentials.from_moment(moment), told, sealer=sealer, by=by)


def wait(asset: Asset, *, sealer: Sealer, by: Occasion) -> list[str]:
    """Take the moment away again: the staged secret waits. Raises FieldError."""
    credentials = _of_staged(asset, by.now)
    return _save(asset, credentials.from_moment(None), {"next_secret": "waits"}, sealer=sealer, by=by)


def step_back(asset: Asset, *, sealer: Sealer, by: Occasion) -> list[str]:
    """Sign with the former secret again; the one that was switched to is staged. Raises FieldError."""
    credentials = _of_secret(asset)
    if not may_step_back(credentials, by.now):
        raise FieldError("cannot be done: nothing was switched in the last seven days", "next_secret")
    see_staged_fits(save.current_revision(asset).definition, credentials.secret_id, sealer=sealer)
    return _save(asset, credentials.from_moment(None), {"next_secret": "stepped_back"}, sealer=sealer, by=by)


def drop(asset: Asset, *, sealer: Sealer, by: Occasion) -> list[str]:
    """Take the staged secret away. Raises FieldError."""
    credentials = _of_staged(asset, by.now)
    return _save(asset, credentials.with_next(None, by.now), {"next_secret": "dropped"}, sealer=sealer, by=by)


def may_step_back(credentials: Credentials, now: float) -> bool:
    """Tell whether the former secret is still at hand."""
    moment = credentials.next_from_at
    return credentials.has_switched(now) and moment is not None and now < moment + STEP_BACK_SECONDS


def since(asset: Asset, secret_id: str, now: float) -> int | None:
    """Return since when a secret does without a break what it does now: signs, or waits; None: neither."""
    found, does = None, None
    for at, signing_id, waiting_id in _stretches(asset, now):
        did = "signs" if secret_id == signing_id else "waits" if secret_id == waiting_id else None
        if did is None or (found is not None and did != does):
            break
        found, does = at, did
    return found


def _stretches(asset: Asset, now: float) -> Iterator[tuple[int, str | None, str | None]]:
    """Yield from when on which secret signed and which one waited, newest first."""
    columns = (Revision.at, Revision.secret_id, Revision.next_secret_id, Revision.next_from_at)
    statement = select(*columns).where(Revision.asset_id == asset.id).order_by(Revision.number.desc())
    end = now
    for at, secret_id, next_id, next_from_at in db.session.execute(statement.limit(_LOOKED_AT)):
        if next_id is None or next_from_at is None or next_from_at > end:
            yield at, secret_id, next_id
        else:
            yield max(at, next_from_at), next_id, None
            if next_from_at > at:
                yield at, secret_id, next_id
        end = at


def _of_secret(asset: Asset) -> Credentials:
    credentials = Credentials.of(save.current_revision(asset))
    if credentials.secret_id is None:
        raise FieldError("is for assets with a shared secret; this one has a signing key", "secret")
    return credentials


def _of_staged(asset: Asset, now: float) -> Credentials:
    credentials = _of_secret(asset)
    if credentials.next_secret_id is None or credentials.has_switched(now):
        raise FieldError("is not there: no secret is staged", "next_secret")
    return credentials


def _save(asset: Asset, credentials: Credentials, told: dict[str, Any], *, sealer: Sealer, by: Occasion) -> list[str]:
    definition = save.current_revision(asset).definition
    return save.revise(asset, definition, None, sealer=sealer, by=by, told=told, credentials=credentials)
