"""The key of a trusted issuer as fields of a form: a secret or a public key, theirs or made here, or an address.

Rule: what is made here is handed out once, in the answer to the form that made it; a private half is not kept at
all. What was pasted as a public key and may be a private one is never shown again.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark import keypairs
from mintmark.errors import FieldError
from mintmark.fields import read_choice
from mintmark.issuers.key_sources import DISCOVERED, KEY_SET, PUBLIC_KEYS, SECRET, way_of
from mintmark.issuers.keys import PublicKey
from mintmark.issuers.keys import read_key_id as read_kid
from mintmark.secret_values import SecretValue
from mintmark.tokens import KEY_ALGORITHMS, SECRET_ALGORITHMS
from mintmark.web.admin.secret_entered import LABELS as SECRET_LABELS
from mintmark.web.admin.secret_entered import read_secret_entered
from mintmark.web.forms import Problems, typed

HOW = [
    ("secret_made", "Shared secret: make one here, and show it once"),
    ("secret_pasted", "Shared secret: paste theirs"),
    ("key_pasted", "Public key: paste theirs"),
    ("pair_made", "Key pair: make one here, and hand the private half out once"),
    ("jwks", "Key set: read it at an address of theirs (JWKS)"),
    ("discover", "Key set: found by their discovery document, at their issuer"),
]
NEW_KEY = [("key_pasted", "Paste theirs"), ("pair_made", "Make a pair here, and hand the private half out once")]
NEW_SECRET = [("secret_made", "Make one here, and show it once"), ("secret_pasted", "Paste theirs")]
LABELS = {
    "how": "Key",
    **SECRET_LABELS,
    "key_id": "Key id",
    "public_key": "Public key",
    "jwks_url": "Address of the key set",
}
_NOW = {SECRET: "secret_made", PUBLIC_KEYS: "key_pasted", KEY_SET: "jwks", DISCOVERED: "discover"}
_FOR_SECRETS = ("secret_made", "secret_pasted")
_RANDOM_BYTES = 48  # 64 characters as text: enough for every algorithm (RFC 7518 §3.2).
_MARKS = ("PRIVATE", '"d"', '"k"', "'d'", "'k'")


@dataclass(frozen=True)
class KeyEntered:
    """What to keep: a secret or a public key, neither where it is found elsewhere; and what to hand out once."""

    secret: SecretValue | None = None
    keys: tuple[PublicKey, ...] = ()
    handed: str | None = field(default=None, repr=False)


def new_values(how: str = "key_pasted") -> dict[str, Any]:
    """Return the fields as they stand first."""
    return dict.fromkeys(LABELS, "") | {"how": how, "secret_encoding": "text", "secret_weak": False}


def values_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as an issuer has them by now: its algorithm, the way to its key, the address there."""
    now = {"algorithm": definition["algorithm"], **new_values(_NOW[way_of(definition)])}
    return {**now, "jwks_url": definition["jwks_url"] or ""}


def typed_values() -> dict[str, Any]:
    """Return the fields as they were typed."""
    return typed(*LABELS, switches=("secret_weak",))


def to_show(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown again: no private key that was pasted where the public one belongs."""
    text = values["public_key"]
    return {**values, "public_key": "" if any(mark in text for mark in _MARKS) else text}


def address_of(values: Mapping[str, Any], how: str) -> dict[str, Any]:
    """Return the fields of a site file that say where keys are found."""
    return {"jwks_url": values["jwks_url"].strip() if how == "jwks" else None, "discover": how == "discover"}


def read_how(values: Mapping[str, Any], algorithm: str, problems: Problems, choices: list[tuple[str, str]]) -> str:
    """Return by which way the key comes, if that goes with the algorithm; "" where it is among the problems."""
    with problems.of():
        how = read_choice(values["how"], "how", tuple(value for value, _ in choices))
        if algorithm in SECRET_ALGORITHMS and how not in _FOR_SECRETS:
            raise FieldError(f"does not go with {algorithm}, which takes a shared secret", "how")
        if algorithm in KEY_ALGORITHMS and how in _FOR_SECRETS:
            raise FieldError(f"does not go with {algorithm}, which takes a public key", "how")
        return how
    return ""


def read_key(values: Mapping[str, Any], how: str, algorithm: str, problems: Problems) -> KeyEntered | None:
    """Return the key, made now or read, if nothing is wrong anywhere: making an RSA key takes its time."""
    found = None
    with problems.of():
        if how == "secret_pasted":
            return KeyEntered(read_secret_entered(values, algorithm))
        if how == "key_pasted":
            return KeyEntered(keys=(_read_pasted(values, algorithm),))
        if how in ("jwks", "discover"):
            return KeyEntered()
        key_id = read_key_id(values["key_id"]) if how == "pair_made" else None
        if not problems.found and how == "secret_made":
            made: dict[str, Any] = {
                "secret": secrets.token_urlsafe(_RANDOM_BYTES),
                "secret_encoding": "text",
                "secret_weak": False,
            }
            found = KeyEntered(read_secret_entered(made, algorithm), handed=made["secret"])
        elif not problems.found and how == "pair_made":
            pair = keypairs.generate(algorithm)
            key_id = key_id or keypairs.thumbprint(pair.public)
            found = KeyEntered(keys=(PublicKey(key_id, pair.public),), handed=private_pem(pair.to_bytes()))
    return found


def _read_pasted(values: Mapping[str, Any], algorithm: str) -> PublicKey:
    """Return a pasted key under the id that was typed, else that of its JWK, else its thumbprint."""
    key_id, text = read_key_id(values["key_id"]), values["public_key"]
    if not text.strip():
        raise FieldError("is empty; paste what begins with -----BEGIN PUBLIC KEY-----, or one JWK", "public_key")
    members = keypairs.read_public_key(text, algorithm)
    return PublicKey(key_id or _kid_of(text) or keypairs.thumbprint(members), members)


def read_key_id(text: str) -> str | None:
    """Return a key id as it stands in the header of a token; None where none was typed. Raises FieldError."""
    return read_kid(text.strip()) if text.strip() else None


def _kid_of(text: str) -> str | None:
    """Return the id that a pasted JWK says, where it says one that may be kept."""
    try:
        kid = json.loads(text).get("kid")
        return read_key_id(kid) if isinstance(kid, str) else None
    except (ValueError, AttributeError, RecursionError, FieldError):
        return None


def private_pem(pkcs8: bytes) -> str:
    """Return a private key as PEM (RFC 7468 §10)."""
    text = base64.b64encode(pkcs8).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
