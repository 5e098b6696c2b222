"""What the relying party of an asset needs in order to accept its tokens, as it is pasted there.

Rule: all of it is public. Of a secret there is its fingerprint and nothing else.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from mintmark import keypairs, payload
from mintmark.assets.signing import Source
from mintmark.keys import sharing
from mintmark.keys.publishing import jwk_of
from mintmark.models import Asset, KeyRing, Secret, SigningKey, db


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key in both spellings, from when on it signs, and whether the key sets have it.

    `is_coming` where it signs later.
    """

    row: SigningKey
    pem: str
    jwk: str
    from_at: int
    is_coming: bool
    is_published: bool


@dataclass(frozen=True, slots=True)
class Needs:
    """The public keys, the first that signs first; or the secret, with the one that is staged and its moment.

    `key_set` is an address, `site_key_set` and `discovery` too, where the keys stand there.
    """

    audience: list[str] | None
    keys: list[PublicKey]
    key_set: str
    site_key_set: str
    discovery: str
    secret: Secret | None
    kid: str | None
    next_secret: Secret | None
    next_from_at: int | None


def needs_of(
    asset: Asset, definition: dict[str, Any], source: Source, template: payload.Template | None, *, now: float, url: str
) -> Needs:
    """Return what somebody pastes at the relying party now; `url` is the address of the site."""
    secret = source.secret_at(now)
    staged = source.next_secret if secret is not source.next_secret else None
    keys = _public_keys(source, now)
    is_for_all = bool(keys) and _is_for_all({key.row.ring_id for key in keys}, now)
    return Needs(
        audience=sharing.literal_audience(template) if template else asset.audience,
        keys=keys,
        key_set=f"{url}/.well-known/jwks/{asset.path}",
        site_key_set=f"{url}/.well-known/jwks.json" if is_for_all else "",
        discovery=f"{url}/.well-known/openid-configuration" if is_for_all else "",
        secret=secret,
        kid=(secret.kid if secret else None) or definition["headers"].get("kid"),
        next_secret=staged,
        next_from_at=source.next_from_at if staged else None,
    )


def _public_keys(source: Source, now: float) -> list[PublicKey]:
    """Return the key that signs now, and all that follow, planned ones too: who pastes keys must not miss one."""
    found = []
    for span in source.spans():
        row = span.row
        if isinstance(row, SigningKey) and span.until_at > now:
            jwk, pem = json.dumps(jwk_of(row), indent=2), keypairs.spki_pem(row.public)
            is_published = row.published_at <= now
            found.append(PublicKey(row, pem, jwk, int(span.from_at), span.from_at > now, is_published))
    return found


def _is_for_all(ring_ids: set[str], now: float) -> bool:
    statement = select(KeyRing.id).where(KeyRing.id.in_(ring_ids), sharing.is_for_all(now=now))
    return set(db.session.scalars(statement)) == ring_ids
