"""Whether secrets go with the algorithm and the contract of the asset that they are to sign for."""

from collections.abc import Mapping
from typing import Any

from mintmark.assets.credentials import Credentials
from mintmark.assets.party_fields import contract_of
from mintmark.assets.secrets import check_secret, open_secret
from mintmark.contracts import key_breach
from mintmark.errors import FieldError
from mintmark.models import Secret, db
from mintmark.sealing import Sealer

FITS_TO = frozenset({"algorithm", "preset", "ask", "contract"})  # Fields that a secret has to go with.


def see_secrets_fit(credentials: Credentials, definition: Mapping[str, Any], *, sealer: Sealer) -> None:
    """See that the secrets that stay are long enough for another algorithm or contract. Raises FieldError."""
    for secret_id in (credentials.secret_id, credentials.next_secret_id):
        if secret_id is not None:
            row = db.session.get_one(Secret, secret_id)
            value = open_secret(row, sealer=sealer)
            check_secret(value, algorithm=definition["algorithm"], weak=row.weak)
            see_contract_takes(definition, value)


def see_contract_takes(definition: Mapping[str, Any], value: bytes) -> None:
    """See that a secret is as long as the relying party asks for. Raises FieldError."""
    contract = contract_of(definition)
    if contract is not None and (words := key_breach(contract, is_secret=True, size=len(value))):
        raise FieldError(words, "secret")
