"""Whether secrets and keys go with the algorithm and the contract of the asset that they are to sign for.

Rule: what signs now, and what is staged, is refused where its tokens would break the contract, by its header or by
the length of the key; of keys that follow in a ring a finding warns (mintmark/examine/definition.py).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mintmark.assets.credentials import Credentials
from mintmark.assets.party_fields import contract_of
from mintmark.assets.secrets import SecretValue, check_secret, open_secret
from mintmark.contracts import Contract, find_header_breach, key_breach
from mintmark.errors import FieldError
from mintmark.keypairs import bits_of
from mintmark.keys.rings import known_by, usable
from mintmark.models import Secret, SigningKey, db
from mintmark.sealing import Sealer
from mintmark.tokens import header_of

_OF_PARTY = ("contract", "preset", "ask", "headers")
# Fields that what signs has to go with.
FITS_TO = frozenset({"algorithm", "signing_key", *_OF_PARTY})


def see_fits(
    credentials: Credentials, definition: Mapping[str, Any], changed: Collection[str], *, sealer: Sealer, now: float
) -> None:
    """See that what an asset signs with goes with its definition, where one of both `changed`. Raises FieldError."""
    is_other = not FITS_TO.isdisjoint(changed)
    if definition.get("signing_key") is not None:
        if is_other:
            _see_ring(definition, changed, now)
        return
    present_id = credentials.present_secret_id(now)
    for secret_id in (credentials.secret_id, credentials.next_secret_id):
        if secret_id is None or not (is_other or ("secret" in changed and secret_id == present_id)):
            continue
        row = db.session.get_one(Secret, secret_id)
        value = open_secret(row, sealer=sealer)
        check_secret(value, algorithm=definition["algorithm"], weak=row.weak)
        if secret_id == present_id or not credentials.has_switched(now):
            field = "headers" if is_other and not row.kid else "kid"
            see_contract_takes(definition, SecretValue(value, row.weak, row.kid), field=field)


def see_contract_takes(definition: Mapping[str, Any], secret: SecretValue, *, field: str = "kid") -> None:
    """See that a secret is as long as the relying party asks for, and so is its id. Raises FieldError.

    `field` is where a wrong id is said.
    """
    contract, algorithm = contract_of(definition), definition["algorithm"]
    if contract is None:
        return
    if words := key_breach(contract, algorithm, len(secret.value)):
        raise FieldError(words, "secret")
    if breach := find_header_breach(contract, header_of(algorithm, definition["headers"], secret.kid)):
        raise FieldError(f"would break the contract: {breach.words}", field)


def see_staged_fits(definition: Mapping[str, Any], secret_id: str | None, *, sealer: Sealer) -> None:
    """See that a secret that is kept and does not sign yet, or not any more, could. Raises FieldError."""
    row = db.session.get_one(Secret, secret_id)
    see_contract_takes(definition, SecretValue(open_secret(row, sealer=sealer), row.weak, row.kid))


def row_breach(contract: Contract, definition: Mapping[str, Any], row: Secret | SigningKey) -> str:
    """Say how all tokens of a secret or key would break the contract, or nothing; what is sealed is not opened."""
    algorithm, headers = definition["algorithm"], definition["headers"]
    if isinstance(row, Secret):
        key_id = row.kid or headers.get("kid")
    else:
        key_id = row.key_id
        if words := key_breach(contract, row.algorithm, bits_of(row.public)):
            return f"the key {words}"
    breach = find_header_breach(contract, header_of(algorithm, headers, key_id))
    return breach.words if breach else ""


def _see_ring(definition: Mapping[str, Any], changed: Iterable[str], now: float) -> None:
    """The key that signs now, or the first that will, is what most tokens are signed with."""
    contract, keys = contract_of(definition), usable(definition["signing_key"], now)
    if contract is None or not keys:
        return
    key = known_by(keys, now)
    if words := row_breach(contract, definition, key):
        if "signing_key" in changed:
            raise FieldError(f"{key.key_id} would break the contract: {words}", "signing_key")
        field = next((name for name in _OF_PARTY if name in changed), "algorithm")
        raise FieldError(f"cannot be met by the signing key {key.key_id}: {words}", field)
