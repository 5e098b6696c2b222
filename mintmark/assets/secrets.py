"""The shared secret of an asset: sealed and opened. What one may be is said in mintmark/secret_values.py.

Afterwards only a keyed fingerprint is ever shown.
"""

from mintmark.models import Secret, db
from mintmark.models.base import new_id
from mintmark.sealing import Sealer, key_id_of
from mintmark.secret_values import ENCODINGS, MAX_CHARACTERS, SecretValue, check_secret, read_secret

__all__ = [
    "ENCODINGS",
    "MAX_CHARACTERS",
    "SecretValue",
    "check_secret",
    "keep",
    "open_sealed",
    "open_secret",
    "read_secret",
]


def keep(secret: SecretValue, asset_id: str, *, sealer: Sealer, now: float) -> Secret:
    """Seal a secret into a new row of this asset; its `kid` stands in the header of what it signs."""
    secret_id = new_id()
    sealed = sealer.seal(secret.value, table="secret", row=secret_id, column="sealed")
    row = Secret(
        id=secret_id,
        asset_id=asset_id,
        sealed=sealed,
        sealed_by=key_id_of(sealed),
        fingerprint=sealer.fingerprint(secret.value),
        kid=secret.kid,
        weak=secret.weak,
        created_at=int(now),
    )
    db.session.add(row)
    db.session.flush()
    return row


def open_secret(row: Secret, *, sealer: Sealer) -> bytes:
    """Return the secret of a row. Raises SealError."""
    return open_sealed(row.id, row.sealed, sealer=sealer)


def open_sealed(secret_id: str, sealed: bytes, *, sealer: Sealer) -> bytes:
    """Return the secret that was sealed for the row of this id. Raises SealError."""
    return sealer.open(sealed, table="secret", row=secret_id, column="sealed")
