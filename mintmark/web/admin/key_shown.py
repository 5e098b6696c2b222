"""What the pages of one signing key show: its state and life, what verifiers need, and the assets that it signs for."""

import json
from typing import Any

from sqlalchemy import select

from mintmark import keypairs
from mintmark.keys import listing, picture, sharing
from mintmark.keys.life import NEXT, PLANNED, state_of
from mintmark.keys.publishing import jwk_of
from mintmark.models import KeyRing, SigningKey, db
from mintmark.web import get_mint

MAX_ASSETS = 50
_FORMER_DRAWN = 2  # of those that are gone; more would leave no room for the present


def facts_of(key: SigningKey) -> dict[str, Any]:
    """Return what the head of each page needs."""
    now = get_mint().clock()
    chain = listing.chain_of(key.ring_id, now=now)
    return {"key": key, "state_now": state_of(key, now), "chain": chain, "now": now}


def life_of(key: SigningKey, chain: listing.Chain, now: float) -> dict[str, Any]:
    """Return the keys of the ring, as they follow each other, with their states, and the picture of their lives."""
    keys, states = chain.keys, {each.id: state_of(each, now) for each in chain.keys}
    last_gone = [each.id for each in keys if _is_gone(each, now)][-_FORMER_DRAWN:]
    drawn = [each for each in keys if each.id in (*last_gone, key.id) or not _is_gone(each, now)]
    return {"keys": keys, "states": states, "drawn": drawn, "picture": picture.draw(drawn, now)}


def _is_gone(key: SigningKey, now: float) -> bool:
    return key.gone_at is not None and key.gone_at <= now


def for_verifiers(key: SigningKey, *, now: float) -> dict[str, Any]:
    """Return the public key in both spellings, and the addresses of the key sets in which it stands."""
    site = get_mint().settings.site_url
    is_for_all = sharing.is_for_all(now=now)
    in_site_set = db.session.scalar(select(KeyRing.id).where(KeyRing.id == key.ring_id, is_for_all)) is not None
    return {
        "pem": keypairs.spki_pem(key.public),
        "jwk": json.dumps(jwk_of(key), indent=2),
        "size": keypairs.size_in_words(key.public),
        "site_set": f"{site}/.well-known/jwks.json" if in_site_set else None,
        "discovery": f"{site}/.well-known/openid-configuration" if in_site_set else None,
        "asset_set": f"{site}/.well-known/jwks/",
    }


def is_to_come(state: str) -> bool:
    """Tell whether a key in this state signs later, so that its moment may be moved."""
    return state in (PLANNED, NEXT)
