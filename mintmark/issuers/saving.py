"""Saving trusted issuers: made, changed, given another secret, switched off, taken away.

Rule: the `iss` of an issuer never changes, for it is half of everybody's identity. Switching off, or taking away,
ends the sessions that it began; the tokens that were spent stay spent.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from mintmark import groups, identities, log, sessions
from mintmark.errors import FieldError, NotFound
from mintmark.fields import is_same
from mintmark.issuers import keys as public_keys
from mintmark.issuers.key_sources import PUBLIC_KEYS, SECRET, way_of
from mintmark.issuers.keys import PublicKey
from mintmark.issuers.secret import drop, is_other_secret, is_weak, mark_weak, seal, see_stays
from mintmark.log import Occasion
from mintmark.models import IssuerKey, OpenIDProvider, TrustedIssuer, db
from mintmark.models.base import find_by_id, new_id
from mintmark.sealing import Sealer
from mintmark.secret_values import SecretValue

# What the log says of a save beside the names of the fields: what lets people in, and what they may then do.
_TOLD = (
    *("algorithm", "jwks_url", "discover", "one_time", "max_lifetime"),
    *("create_people", "update_people", "live", "groups_map"),
)


def every() -> list[TrustedIssuer]:
    """Return every trusted issuer, by name; there are never many."""
    return list(db.session.scalars(select(TrustedIssuer).order_by(TrustedIssuer.name)))


def get_issuer(issuer_id: str, *, is_locked: bool = False) -> TrustedIssuer:
    """Return a trusted issuer; `is_locked`: as it is now, until the caller's transaction ends. Raises NotFound."""
    row = find_by_id(TrustedIssuer, issuer_id, is_locked=is_locked)
    if row is None:
        raise NotFound("There is no such trusted issuer on this site.")
    return row


def create(
    values: Mapping[str, Any], *, secret: SecretValue | None, keys: Sequence[PublicKey], sealer: Sealer, by: Occasion
) -> TrustedIssuer:
    """Make an issuer of what `read_issuer` gave, with its secret or public keys. Raises FieldError."""
    see_is_free(values)
    groups.see_exist(values["definition"]["groups_map"].values(), "groups_map")
    row = TrustedIssuer(
        id=new_id(),
        **{name: values[name] for name in ("issuer", "name", "live")},
        definition=dict(values["definition"]),
        created_at=int(by.now),
        revised_at=int(by.now),
    )
    db.session.add(row)
    _flush()
    if way_of(row.definition) == SECRET:
        seal(row, _given(secret), sealer=sealer)
    else:
        _see_no_secret(secret)
        public_keys.replace(row, keys, by=by)
    detail = {**told(row), **({"weak_secret": secret.weak} if secret else {})}
    log.note("issuer.created", by, issuer=row.issuer or None, detail={"name": row.name, **detail})
    return row


def revise(
    row: TrustedIssuer,
    values: Mapping[str, Any],
    *,
    by: Occasion,
    sealer: Sealer,
    secret: SecretValue | None = None,
    keys: Sequence[PublicKey] | None = None,
) -> list[str]:
    """Change an issuer to what `read_issuer` gave; return the names of the fields that were different.

    Without a `secret` or `keys` those stay that are there; by another way to its keys they go. Raises FieldError.
    """
    if values["issuer"] != row.issuer:
        raise FieldError("never changes: whom this issuer knows is known by it; make another one", "issuer")
    see_is_free(values, but=row)
    groups.see_exist(values["definition"]["groups_map"].values(), "groups_map")
    changed = changed_fields(row, values)
    before, was_weak = row.definition, is_weak(row)
    row.name, row.live, row.definition = values["name"], values["live"], dict(values["definition"])
    mark_weak(row, was_weak)
    _flush()
    if _take_secret(row, secret, before["algorithm"], sealer):
        changed.append("secret")
    if _take_keys(row, keys, before["algorithm"], by):
        changed.append("public_keys")
    if changed:
        ended = sessions.end_of_source(row.id, now=by.now) if "live" in changed and not row.live else None
        _note_revised(row, changed, by, {"sessions_ended": ended} if ended is not None else {})
    return changed


def changed_fields(row: TrustedIssuer, values: Mapping[str, Any]) -> list[str]:
    """Return in which fields what `read_issuer` gave is other than an issuer."""
    columns = [name for name in ("name", "live") if values[name] != getattr(row, name)]
    definition = values["definition"]
    return columns + [name for name in definition if not is_same(row.definition.get(name), definition[name])]


def switch(row: TrustedIssuer, live: bool, *, by: Occasion) -> bool:
    """Switch an issuer on or off, and end the sessions that it began; tell whether it was otherwise."""
    if row.live == live:
        return False
    row.live = live
    ended = None if live else sessions.end_of_source(row.id, now=by.now)
    _note_revised(row, ["live"], by, {} if ended is None else {"sessions_ended": ended})
    return True


def set_secret(row: TrustedIssuer, secret: SecretValue, *, sealer: Sealer, by: Occasion) -> bool:
    """Give an issuer another secret, which replaces the present one at once; tell whether it was another.

    Raises FieldError where it is one of ours, or the issuer takes none.
    """
    if not _take_secret(row, secret, row.definition["algorithm"], sealer):
        return False
    _note_revised(row, ["secret"], by, {"weak_secret": secret.weak})
    return True


def remove(row: TrustedIssuer, *, by: Occasion) -> None:
    """Take an issuer away with its keys and identities, and end the sessions that it began."""
    ended = sessions.end_of_source(row.id, now=by.now)
    identities.forget_source(row.id)
    db.session.execute(delete(IssuerKey).where(IssuerKey.issuer_id == row.id))
    log.note("issuer.removed", by, issuer=row.issuer or None, detail={"name": row.name, "sessions_ended": ended})
    db.session.delete(row)
    db.session.flush()


def see_is_free(values: Mapping[str, Any], *, but: TrustedIssuer | None = None) -> None:
    """Raises FieldError where another trusted issuer has this `iss` or this name."""
    for column in ("name", "issuer"):
        statement = select(TrustedIssuer).where(getattr(TrustedIssuer, column) == values[column])
        other = db.session.scalar(statement)
        if other is None or (but is not None and other.id == but.id):
            continue
        if column == "name":
            raise FieldError("is the name of another trusted issuer", "name")
        if other.issuer:
            raise FieldError(f"is trusted already, by the name {other.name}: an `iss` is one issuer’s", "issuer")
        words = f"cannot be left out here: tokens without `iss` are taken for those of {other.name} already"
        raise FieldError(f"{words}; have these carry one", "issuer")


def find_without_iss() -> TrustedIssuer | None:
    """Return the one trusted issuer whose tokens carry no `iss`, be it switched off."""
    return db.session.scalar(select(TrustedIssuer).where(TrustedIssuer.issuer == ""))


def told(row: TrustedIssuer | OpenIDProvider, fields: Collection[str] = _TOLD) -> dict[str, Any]:
    """Return what the log says of these fields of an issuer or provider, groups by their names."""
    shown = {name: row.definition[name] for name in _TOLD if name in fields and name in row.definition}
    if "live" in fields:
        shown["live"] = row.live
    if "groups_map" in fields and row.definition["groups_map"]:
        names = groups.names_by_id()
        shown["groups_map"] = {value: names.get(each) for value, each in row.definition["groups_map"].items()}
    return shown


def _take_secret(row: TrustedIssuer, secret: SecretValue | None, was: str, sealer: Sealer) -> bool:
    """Let an issuer have this secret, or the present one where that goes with its algorithm; tell of a change."""
    if way_of(row.definition) != SECRET:
        _see_no_secret(secret)
        return drop(row)
    if secret is not None and is_other_secret(row, secret, sealer=sealer):
        seal(row, secret, sealer=sealer)
        return True
    if row.sealed is None:
        _given(secret)
    elif was != row.definition["algorithm"]:
        see_stays(row, row.definition["algorithm"], sealer=sealer)
    return False


def _take_keys(row: TrustedIssuer, keys: Sequence[PublicKey] | None, was: str, by: Occasion) -> bool:
    if way_of(row.definition) != PUBLIC_KEYS or keys is not None:
        return public_keys.replace(row, keys or (), by=by)
    if was != row.definition["algorithm"]:
        public_keys.see_keys(row, [public_keys.as_read(key) for key in public_keys.keys_of(row.id)])
    return False


def _given(secret: SecretValue | None) -> SecretValue:
    if secret is None:
        raise FieldError("is missing: this algorithm takes a secret", "secret")
    return secret


def _see_no_secret(secret: SecretValue | None) -> None:
    if secret is not None:
        raise FieldError("is not for this algorithm, which takes public keys", "secret")


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise FieldError("or name was taken by another trusted issuer at this moment", "issuer") from error


def _note_revised(row: TrustedIssuer, changed: list[str], by: Occasion, more: Mapping[str, Any]) -> None:
    row.revised_at = max(int(by.now), row.revised_at + 1)
    db.session.flush()
    detail = {"name": row.name, "fields": changed, **told(row, changed), **more}
    log.note("issuer.revised", by, issuer=row.issuer or None, detail=detail)
