"""The fields of signing keys in a site file: ids, and a private key that is given or held by a variable.

Rule: as with secrets, nothing that stands in the field of a private key is ever repeated in an error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import read_choice, read_object, read_text
from mintmark.keypairs import MAX_KEY_CHARACTERS, KeyPair, read_private_key
from mintmark.keys.adding import read_key_id
from mintmark.site_file.secret_field import read_variable
from mintmark.tokens import KEY_ALGORITHMS

_SOURCES = ("pem", "jwk", "env")
_FIELDS = frozenset({*_SOURCES, "passphrase_env"})


@dataclass(frozen=True)
class PrivateKeyField:
    """What the file says: the text of a PEM or JWK, or a variable that holds one; and that of its passphrase."""

    text: str | None = field(default=None, repr=False)
    variable: str | None = None
    passphrase_variable: str | None = None

    def find(self, environ: Mapping[str, str], *, algorithm: str) -> KeyPair | None:
        """Return the checked pair; None where its variable is not set. Raises FieldError."""
        text = environ.get(self.variable) if self.variable else self.text
        if text is None:
            return None
        source = f" (from {self.variable})" if self.variable else ""
        try:
            read_text(text, "private_key", longest=MAX_KEY_CHARACTERS)
            return read_private_key(text, algorithm, passphrase=self._passphrase(environ))
        except FieldError as error:
            words = f"its passphrase {error}" if error.field == "passphrase" else str(error)
            raise FieldError(f"{words}{source}", "private_key") from None

    def _passphrase(self, environ: Mapping[str, str]) -> str:
        if self.passphrase_variable is None:
            return ""
        if self.passphrase_variable not in environ:
            raise FieldError(f"is in {self.passphrase_variable}, which is not set", "passphrase")
        return read_text(environ[self.passphrase_variable], "passphrase", longest=1_000)


def read_private_key_field(value: Any, field: str) -> PrivateKeyField:
    """Return what the file says about a private key. Raises FieldError."""
    given = read_object(value, field)
    sources = [name for name in _SOURCES if name in given]
    if set(given) - _FIELDS or len(sources) != 1:
        raise FieldError("takes exactly one of pem, jwk, env; beside pem and env also passphrase_env", field)
    passphrase = read_variable(given["passphrase_env"], field) if "passphrase_env" in given else None
    if sources == ["env"]:
        return PrivateKeyField(variable=read_variable(given["env"], field), passphrase_variable=passphrase)
    if sources == ["pem"]:
        text = read_text(given["pem"], field, longest=MAX_KEY_CHARACTERS)
        return PrivateKeyField(text, passphrase_variable=passphrase)
    if passphrase is not None:
        raise FieldError("takes passphrase_env beside an encrypted PEM only", field)
    return PrivateKeyField(json.dumps(read_object(given["jwk"], field)))


def read_id(value: Any, field: str) -> str:
    """Return a key id. Raises FieldError."""
    return read_key_id(read_text(value, field))


def read_optional_id(value: Any, field: str) -> str | None:
    """Return a key id, or None. Raises FieldError."""
    return None if value is None else read_id(value, field)


def read_key_algorithm(value: Any, field: str) -> str:
    """Return an algorithm that takes key pairs. Raises FieldError."""
    return read_choice(value, field, KEY_ALGORITHMS)
