"""The fields of trusted issuers and OpenID providers in a site file that hold keys and secrets.

Rule: nothing of a secret, and nothing that may be a private key, is ever repeated in an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark import keypairs
from mintmark.errors import FieldError
from mintmark.fields import read_boolean, read_list, read_object, read_text
from mintmark.issuers.keys import MAX_KEYS, PublicKey, read_key_id
from mintmark.keypairs import MAX_KEY_CHARACTERS
from mintmark.openid.definition import read_client_secret
from mintmark.site_file.secret_field import SecretField, read_secret_field, read_variable

_KEY_FIELDS = ("key_id", "live", "public_key")


@dataclass(frozen=True)
class PublicKeyField:
    """One public key as the file has it: a PEM, or a JWK as text."""

    key_id: str
    live: bool
    text: str = field(repr=False)


@dataclass(frozen=True)
class ClientSecretField:
    """What the file says of a client secret: the text, or a variable that holds it."""

    text: str | None = field(default=None, repr=False)
    variable: str | None = None

    def find(self, environ: Mapping[str, str]) -> str | None:
        """Return the checked secret; None where its variable is not set. Raises FieldError."""
        text = environ.get(self.variable) if self.variable else self.text
        try:
            return None if text is None else read_client_secret(text)
        except FieldError as error:
            raise FieldError(f"{error} (from {self.variable})" if self.variable else str(error), error.field) from None


def read_iss(value: Any, field: str) -> str | None:
    """Return the `iss` by which an entry is found; None: its tokens have none. Raises FieldError."""
    return None if value is None else read_text(value, field)


def read_issuer_secret(value: Any, field: str) -> SecretField:
    """Return what the file says about the secret of a trusted issuer. Raises FieldError."""
    given = read_secret_field(value, field)
    if given.kid is not None:
        raise FieldError("takes no kid: with a secret that of a token is not looked at", field)
    return given


def read_client_secret_field(value: Any, field: str) -> ClientSecretField | None:
    """Return what the file says about a client secret; None: a public client. Raises FieldError."""
    if value is None:
        return None
    given = read_object(value, field)
    if set(given) not in ({"env"}, {"text"}):
        raise FieldError("takes exactly one of text, env; null is a public client", field)
    if "env" in given:
        return ClientSecretField(variable=read_variable(given["env"], field))
    return ClientSecretField(read_client_secret(given["text"], field))


def read_public_keys_field(value: Any, field: str) -> list[PublicKeyField]:
    """Return the public keys of a trusted issuer, not yet read for its algorithm. Raises FieldError."""
    found: list[PublicKeyField] = []
    for number, item in enumerate(read_list(value, field, most=MAX_KEYS), start=1):
        with _naming(number, field):
            found.append(_read_key(item))
    if len({key.key_id for key in found}) != len(found):
        raise FieldError("names a key_id twice", field)
    return found


def _read_key(item: Any) -> PublicKeyField:
    given = read_object(item, "public_keys")
    if set(given) - {*_KEY_FIELDS} or not {"key_id", "public_key"} <= set(given):
        raise FieldError(f"takes the fields {', '.join(_KEY_FIELDS)}", "public_keys")
    text = read_text(given["public_key"], "public_key", longest=MAX_KEY_CHARACTERS)
    return PublicKeyField(read_key_id(given["key_id"]), read_boolean(given.get("live", True), "live"), text)


def read_keys(given: list[PublicKeyField], algorithm: str) -> list[PublicKey]:
    """Return the keys read for an algorithm. Raises FieldError."""
    found = []
    for number, key in enumerate(given, start=1):
        with _naming(number, "public_keys"):
            found.append(PublicKey(key.key_id, keypairs.read_public_key(key.text, algorithm), key.live))
    return found


class _naming:
    """Says of which key of the list, and of which of its fields, something is refused."""

    def __init__(self, number: int, field: str) -> None:
        self._number, self._field = number, field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, FieldError):
            named = f"{error.field} " if error.field not in ("", self._field) else ""
            raise FieldError(f"#{self._number}: {named}{error}", self._field) from None
