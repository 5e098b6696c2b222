"""Moving an asset to another path, and copying one.

Rule: who may fetch does not change by a move; for as long as the administrator says, the path
that was left answers for the same asset, and the log tells who still comes by it.
"""

from typing import Any

from mintmark import log
from mintmark.assets import former, save
from mintmark.assets.anew import read_anew
from mintmark.assets.audience import with_audience
from mintmark.assets.credentials import Credentials
from mintmark.assets.key_field import with_key
from mintmark.assets.secrets import SecretValue, check_secret, open_secret
from mintmark.errors import FieldError, SealError
from mintmark.log import Occasion
from mintmark.models import Asset, Secret, SigningKey, db
from mintmark.moment import iso
from mintmark.sealing import Sealer

MAX_DAYS, USUAL_DAYS = 365, 30


def move(asset: Asset, path: str, *, days: int, sealer: Sealer, by: Occasion) -> None:
    """Move a locked asset to a checked path; the one it leaves answers for some days more.

    Raises FieldError where the path is taken.
    """
    left = asset.path
    if path == left:
        raise FieldError("is where the asset lives already; write another one", "path")
    definition = {**save.current_revision(asset).definition, "path": path}
    until = int(by.now) + days * former.DAY_SECONDS
    told = {"from": left, "to": path, "until": iso(until) if days else None}
    save.revise(asset, definition, None, sealer=sealer, by=by, told=told)
    if days:
        former.keep(left, asset.id, now=by.now, until=until)


def end_former_path(asset: Asset, path: str, *, by: Occasion) -> bool:
    """Let a former path answer no more from now on; tell whether it did."""
    was_there = former.end(path, asset.id)
    if was_there:
        detail = {"path": asset.path, "fields": ["former_paths"], "ended": path}
        log.note("asset.revised", by, asset=asset.id, revision=asset.revision, detail=detail)
    return was_there


def copy(
    asset: Asset,
    path: str,
    name: str,
    secret: SecretValue | None,
    *,
    sealer: Sealer,
    by: Occasion,
    key: SigningKey | None = None,
    audience: str = "",
) -> Asset:
    """Make an asset like this one at a checked path; without a `secret` or `key` with the very same one.

    Who keeps the same key says another fixed `audience`. Raises InvalidFields where the definition does not
    hold today, and FieldError.
    """
    revision = save.current_revision(asset)
    definition: dict[str, Any] = {**revision.definition, "path": path, "name": name}
    has_key = revision.ring_id is not None
    if secret if has_key else key or audience:
        raise FieldError("was changed at this moment: the asset signs with something else now; look again", "kept")
    told: dict[str, Any] = {"copied_from": asset.id}
    if has_key:
        told["same_key"] = key is None
        if key is not None:
            definition = with_key(definition, key)
        elif audience:
            definition["template"] = with_audience(definition, audience)
        return save.create(read_anew(definition), None, sealer=sealer, by=by, told=told)
    definition = read_anew(definition)
    value = secret or _same_secret(Credentials.of(revision).present_secret_id(by.now), sealer)
    # Once more: the asset may have another algorithm than when the secret was read.
    check_secret(value.value, algorithm=definition["algorithm"], weak=value.weak)
    return save.create(definition, value, sealer=sealer, by=by, told={**told, "same_secret": secret is None})


def _same_secret(secret_id: str | None, sealer: Sealer) -> SecretValue:
    row = db.session.get_one(Secret, secret_id)
    try:
        return SecretValue(open_secret(row, sealer=sealer), row.weak, row.kid)
    except SealError as error:
        raise FieldError("does not open here, so it cannot be kept; give the copy a new one", "kept") from error
