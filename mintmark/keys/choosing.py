"""Choosing a signing key for an asset: among those that sign now, of whatever ring.

One that signs later would leave the asset without tokens until then, so it is none of the choices.
"""

from sqlalchemy import or_, select

from mintmark.errors import FieldError
from mintmark.fields import may_repeat
from mintmark.keys.life import SIGNING, state_of
from mintmark.keys.rings import find_key, keys_of
from mintmark.models import SigningKey, db
from mintmark.moment import iso

MAX_CHOICES = 100  # More than these are entered by key id.


def signing_now(now: float) -> list[SigningKey]:
    """Return the keys that sign now, by key id: as many as can be listed, and one more."""
    signs = (SigningKey.signs_from_at <= now, or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > now))
    statement = select(SigningKey).where(*signs, SigningKey.revoked_at.is_(None), SigningKey.sealed.is_not(None))
    return list(db.session.scalars(statement.order_by(SigningKey.key_id).limit(MAX_CHOICES + 1)))


def get_signing(key_id: str, now: float) -> SigningKey:
    """Return the key that signs now in the ring that a key id names. Raises FieldError."""
    named = find_key(key_id) if "\x00" not in key_id else None
    keys = keys_of(named.ring_id) if named else []
    for key in keys:
        if state_of(key, now) == SIGNING:
            return key
    if named is None:
        said = f"“{key_id}” " if may_repeat(key_id) else ""
        raise FieldError(f"{said}is no signing key of this site", "signing_key")
    later = [key.signs_from_at for key in keys if key.signs_from_at > now and key.revoked_at is None]
    when = f"until {iso(min(later))}" if later else "any more"
    raise FieldError(f"does not sign {when}; make its next key, or choose another one", "signing_key")
