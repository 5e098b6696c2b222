"""Who may share a signing key: assets whose templates each say an `aud` of their own, in so many words.

Else a token for one relying party would be good at another that trusts the same key (RFC 8725 §3.9).
A key that serves one asset alone may do without; then it stands in the key set of that asset only.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import exists, or_, select

from mintmark import payload
from mintmark.errors import FieldError
from mintmark.keys import leaving
from mintmark.models import Asset, KeyRing, Revision, db
from mintmark.moment import iso

_ADVICE = "give each asset’s template an “aud” of its own, or this one a key of its own"


def literal_audience(template: payload.Template) -> list[str] | None:
    """Return the texts of `aud` where every token of the template has the same ones, else None."""
    claim = template.claims.get("aud")
    if claim is None or not claim.is_certain or claim.literal is payload.NOT_FIXED:
        return None
    return [claim.literal] if isinstance(claim.literal, str) else sorted(set(claim.literal))


def see_may_share(ring_id: str, audience: list[str] | None, asset_id: str, *, now: float) -> None:
    """See that no token of an asset is good at the relying party of another one with the same key. Raises FieldError.

    One that is leaving the key counts for as long as it signs with it, and one that left it for as long as its
    tokens are good. The caller holds the ring's lock, so that of two saves at once the second sees the first.
    """
    going = select(Revision.asset_id).where(Revision.former_ring_id == ring_id, Revision.former_until_at > int(now))
    is_served = or_(Asset.ring_id == ring_id, Asset.id.in_(list(db.session.scalars(going))))
    statement = select(Asset.path, Asset.audience).where(is_served, Asset.id != asset_id, Asset.trashed_at.is_(None))
    others = db.session.execute(statement.order_by(Asset.path))
    see_is_apart(audience, ((path, other) for path, other in others))
    _see_nothing_left(ring_id, audience, asset_id, now)


def _see_nothing_left(ring_id: str, audience: list[str] | None, asset_id: str, now: float) -> None:
    left = leaving.left_by_others(ring_id, asset_id, now=now)
    for text in (leaving.NO_AUDIENCE, *(left if audience is None else audience)):
        if text in left:
            when = "for ever" if left[text] >= leaving.FOR_EVER else f"until {iso(left[text])}"
            kind = f"with the “aud” {text[:80]}" if text else "without a fixed “aud”"
            words = f"signed tokens {kind} for another asset, and those are good {when}: {_ADVICE}"
            raise FieldError(words, "signing_key")


def see_is_apart(audience: list[str] | None, others: Iterable[tuple[str, list[str] | None]]) -> None:
    """See that an `aud` is none of those of other assets with the same key, with their paths. Raises FieldError."""
    for path, other in others:
        if audience is None:
            raise FieldError(f"serves {path} too, and this template has no fixed “aud”: {_ADVICE}", "signing_key")
        if other is None:
            raise FieldError(f"serves {path} too, whose template has no fixed “aud”: {_ADVICE}", "signing_key")
        if same := set(audience) & set(other):
            words = f"serves {path} too, with the same “aud” {sorted(same)[0][:80]}: {_ADVICE}"
            raise FieldError(words, "signing_key")


def is_for_all(*, now: float) -> Any:
    """Return the condition that a ring stands in the site's key set: each of its tokens has an `aud` of its asset."""
    without = exists().where(Asset.ring_id == KeyRing.id, Asset.trashed_at.is_(None), Asset.audience.is_(None))
    return ~without & or_(KeyRing.apart_until_at.is_(None), KeyRing.apart_until_at <= int(now))
