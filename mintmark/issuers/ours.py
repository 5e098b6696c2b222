"""Whether a key is one that this site signs with: a token that this site signed signs nobody in here.

Rule: looked at when a key is entered, and again at every use, for a key may begin to sign here later
(draft-ietf-oauth-rfc8725bis §3.12). Secrets are compared as keys of HMAC (RFC 2104 §2): one that is longer than the
block of the hash is hashed first, and zero bytes at the end change nothing. Whose hash a secret is can be told only
with that secret open: it is looked at when one is entered.
"""

import hashlib
from collections.abc import Iterable, Iterator

from sqlalchemy import func, select

from mintmark.errors import FieldError, SealError
from mintmark.models import Secret, SigningKey, db
from mintmark.sealing import Sealer

WORDS = "is one that this site signs with, or did: a token that this site signed signs nobody in here"


_HASHES = {"sha256": 64, "sha384": 128, "sha512": 128}  # Those of HS256, HS384 and HS512, and their blocks in bytes.
_SEALING_BYTES = 31  # A sealed value is longer than what it holds by at least so many.


def is_our_secret(value: bytes, *, sealer: Sealer) -> bool:
    """Tell whether an asset signs with this secret, or did, be it in the trash; in whatever spelling."""
    forms = {value, *(form for key in _hmac_keys(value) for form in _spellings(key))}
    known = [fingerprint for form in forms for fingerprint in sealer.fingerprints(form)]
    return db.session.scalar(select(Secret.id).where(Secret.fingerprint.in_(known)).limit(1)) is not None


def see_is_not_ours(value: bytes, *, sealer: Sealer) -> None:
    """See that nobody enters a secret that this site signs with. Raises FieldError."""
    if is_our_secret(value, sealer=sealer) or _is_hash_of_ours(value, sealer):
        raise FieldError(WORDS, "secret")


def _is_hash_of_ours(value: bytes, sealer: Sealer) -> bool:
    """Tell whether this is what HMAC makes of a longer secret of an asset. Each of those is opened for it."""
    keys = _hmac_keys(value)
    is_long = func.length(Secret.sealed) > min(_HASHES.values()) + _SEALING_BYTES
    for secret_id, sealed in db.session.execute(select(Secret.id, Secret.sealed).where(is_long)):
        try:
            theirs = sealer.open(sealed, table="secret", row=secret_id, column="sealed")
        except SealError:
            continue
        if not keys.isdisjoint(_hmac_keys(theirs)):
            return True
    return False


def _hmac_keys(value: bytes) -> set[bytes]:
    """Return what the hashes take for the key, without zero bytes at the end."""
    whole = {hashlib.new(name, value).digest() if len(value) > block else value for name, block in _HASHES.items()}
    return {each.rstrip(b"\0") for each in whole}


def _spellings(key: bytes) -> Iterator[bytes]:
    return (key + bytes(zeros) for zeros in range(max(_HASHES.values()) - len(key) + 1))


def ours_among(thumbprints: Iterable[str]) -> set[str]:
    """Return those of these public keys, by thumbprint (RFC 7638), that are signing keys of this site, or were."""
    wanted = set(thumbprints)
    if not wanted:
        return set()
    return set(db.session.scalars(select(SigningKey.thumbprint).where(SigningKey.thumbprint.in_(wanted))))
