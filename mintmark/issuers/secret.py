"""The shared secret of a trusted issuer: sealed for its row, opened, compared.

Rule: it is shown to nobody once it is kept. Whether it is marked weak stands in the definition, as `weak_secret`.
"""

import hmac

from mintmark.errors import FieldError, SealError
from mintmark.issuers import ours
from mintmark.models import TrustedIssuer, db
from mintmark.sealing import Sealer, key_id_of
from mintmark.secret_values import SecretValue, check_secret

_WEAK = "weak_secret"


def seal(row: TrustedIssuer, secret: SecretValue, *, sealer: Sealer) -> None:
    """Keep a secret. Raises FieldError where this site signs with it."""
    ours.see_is_not_ours(secret.value, sealer=sealer)
    row.sealed = sealer.seal(secret.value, table="trusted_issuer", row=row.id, column="sealed")
    row.sealed_by, row.fingerprint = key_id_of(row.sealed), sealer.fingerprint(secret.value)
    mark_weak(row, secret.weak)
    db.session.flush()


def drop(row: TrustedIssuer) -> bool:
    """Keep no secret any more; tell whether there was one."""
    had_one = row.sealed is not None
    row.sealed = row.sealed_by = row.fingerprint = None
    mark_weak(row, False)
    return had_one


def open_secret(row: TrustedIssuer, *, sealer: Sealer) -> bytes:
    """Return the secret of an issuer. Raises SealError, also where there is none."""
    if row.sealed is None:
        raise SealError("This issuer has no secret.")
    return sealer.open(row.sealed, table="trusted_issuer", row=row.id, column="sealed")


def see_stays(row: TrustedIssuer, algorithm: str, *, sealer: Sealer) -> None:
    """See that the secret is long enough for the algorithm that comes. Raises FieldError."""
    try:
        value = open_secret(row, sealer=sealer)
    except SealError as error:
        raise FieldError(f"{error} Give it anew", "secret") from error
    check_secret(value, algorithm=algorithm, weak=is_weak(row))


def is_other_secret(row: TrustedIssuer, secret: SecretValue, *, sealer: Sealer) -> bool:
    """Tell whether an issuer has another secret than this one, or none."""
    try:
        is_equal = hmac.compare_digest(open_secret(row, sealer=sealer), secret.value)
    except SealError:
        return True  # What does not open is replaced.
    return not is_equal or is_weak(row) != secret.weak


def is_weak(row: TrustedIssuer) -> bool:
    """Tell whether the secret of an issuer is marked weak."""
    return bool(row.definition.get(_WEAK))


def mark_weak(row: TrustedIssuer, weak: bool) -> None:
    """Mark the secret of an issuer weak, or not."""
    rest = {name: value for name, value in row.definition.items() if name != _WEAK}
    row.definition = {**rest, _WEAK: True} if weak else rest
