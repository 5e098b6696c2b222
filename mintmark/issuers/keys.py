"""The public keys of a trusted issuer, by `kid`: added, switched on and off, taken away.

Rule: a key is found among those of its issuer only (RFC 8725 §3.8), and none of this site's keys is ever one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from mintmark import keypairs, log
from mintmark.errors import FieldError, NotFound
from mintmark.fields import UNSEEN, may_repeat, read_text
from mintmark.issuers import ours
from mintmark.issuers.key_sources import PUBLIC_KEYS, way_of
from mintmark.log import Occasion
from mintmark.models import IssuerKey, TrustedIssuer, db
from mintmark.public_keys import MAX_KEY_ID

MAX_KEYS = 50


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key as it was read: its id (`kid`), the members of its JWK that verify, and whether it is live."""

    key_id: str
    members: dict[str, Any]
    live: bool = True


def read_key_id(value: Any) -> str:
    """Return a `kid`, exactly as tokens have it. Raises FieldError, which repeats no key that was pasted there."""
    text = read_text(value, "key_id", longest=MAX_KEY_ID)
    if not may_repeat(text):
        raise FieldError("looks like a key; it takes the id (`kid`) by which tokens name the key", "key_id")
    if UNSEEN.search(text) or text != text.strip():
        raise FieldError("holds a control or invisible character, or white space at its ends", "key_id")
    return text


def keys_of(issuer_id: str) -> Sequence[IssuerKey]:
    """Return the keys of an issuer, by their ids."""
    statement = select(IssuerKey).where(IssuerKey.issuer_id == issuer_id).order_by(IssuerKey.key_id)
    return db.session.scalars(statement).all()


def add(row: TrustedIssuer, key_id: str, members: dict[str, Any], *, by: Occasion) -> IssuerKey:
    """Add a live key that was read for the issuer's algorithm. Raises FieldError."""
    present = keys_of(row.id)
    if any(key.key_id == key_id for key in present):
        raise FieldError("is the id of another key of this issuer", "key_id")
    see_keys(row, [*(as_read(key) for key in present), PublicKey(key_id, members)])
    [key] = _keep(row, [PublicKey(key_id, members)], by)
    _note(row, by, key, "key_added")
    return key


def switch(row: TrustedIssuer, key_id: str, live: bool, *, by: Occasion) -> bool:
    """Switch a key on or off; tell whether it was otherwise. Raises NotFound."""
    key = _get(row, key_id)
    if key.live == live:
        return False
    key.live = live
    _note(row, by, key, "key_switched_on" if live else "key_switched_off")
    return True


def remove(row: TrustedIssuer, key_id: str, *, by: Occasion) -> None:
    """Take a key away: what it signs is refused from now on. Raises NotFound."""
    key = _get(row, key_id)
    _note(row, by, key, "key_removed")
    db.session.delete(key)
    db.session.flush()


def replace(row: TrustedIssuer, keys: Sequence[PublicKey], *, by: Occasion) -> bool:
    """Let an issuer have exactly these keys; tell whether it had others. Who calls this notes it. Raises FieldError."""
    present = {key.key_id: as_read(key) for key in keys_of(row.id)}
    wanted = {key.key_id: key for key in keys}
    if present == wanted:
        return False
    see_keys(row, keys)
    other = [key_id for key_id, key in present.items() if wanted.get(key_id) != key]
    db.session.execute(delete(IssuerKey).where(IssuerKey.issuer_id == row.id, IssuerKey.key_id.in_(other)))
    _keep(row, [key for key in keys if present.get(key.key_id) != key], by)
    return True


def as_read(key: IssuerKey) -> PublicKey:
    """Return a key as it was read once."""
    return PublicKey(key.key_id, dict(key.public), key.live)


def see_keys(row: TrustedIssuer, keys: Sequence[PublicKey]) -> None:
    """See that keys are for the issuer's algorithm, no two of one id, and none of ours. Raises FieldError."""
    if keys and way_of(row.definition) != PUBLIC_KEYS:
        raise FieldError("are for issuers whose keys come by no secret, no address and no discovery", "public_keys")
    if len(keys) > MAX_KEYS:
        raise FieldError(f"would be more than {MAX_KEYS} keys of one issuer", "public_keys")
    if len({key.key_id for key in keys}) != len(keys):
        raise FieldError("name one key_id twice", "public_keys")
    see_algorithm(keys, row.definition["algorithm"])
    if ours.ours_among(keypairs.thumbprint(key.members) for key in keys):
        raise FieldError(ours.WORDS, "public_key")


def see_algorithm(keys: Iterable[PublicKey], algorithm: str) -> None:
    """See that keys are of an algorithm's type and size. Raises FieldError."""
    for key in keys:
        try:
            keypairs.public_members_of_jwk(key.members, algorithm)
        except FieldError as error:
            raise FieldError(f"hold “{key.key_id}”, which {error}", "public_keys") from None


def _get(row: TrustedIssuer, key_id: str) -> IssuerKey:
    found = db.session.get(IssuerKey, (row.id, key_id)) if "\x00" not in key_id else None
    if found is None:
        raise NotFound("There is no such key of this issuer.")
    return found


def _keep(row: TrustedIssuer, keys: Sequence[PublicKey], by: Occasion) -> list[IssuerKey]:
    kept = [
        IssuerKey(
            issuer_id=row.id,
            key_id=key.key_id,
            live=key.live,
            public=key.members,
            thumbprint=keypairs.thumbprint(key.members),
            created_at=int(by.now),
        )
        for key in keys
    ]
    db.session.add_all(kept)
    db.session.flush()
    return kept


def _note(row: TrustedIssuer, by: Occasion, key: IssuerKey, what: str) -> None:
    row.revised_at = max(int(by.now), row.revised_at + 1)
    detail = {"name": row.name, "fields": ["public_keys"], what: key.key_id, "thumbprint": key.thumbprint}
    log.note("issuer.revised", by, issuer=row.issuer or None, detail=detail)
