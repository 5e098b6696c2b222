"""Key pairs: made, read from what somebody brings, checked, and taken apart into what may be published.

Pure. What is published is built from a list of the members that verify (mintmark/public_keys.py, whose words
are said here too); nothing is ever taken away from something private. A private key leaves this module only as
PKCS #8 bytes, to be sealed. No error repeats anything of a key.
"""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mintmark import encrypted_pem, tokens
from mintmark.errors import FieldError, KeyUnusable
from mintmark.public_keys import CURVES, see_fits, without_repeats
from mintmark.public_keys import MAX_KEY_CHARACTERS as MAX_KEY_CHARACTERS
from mintmark.public_keys import PublicKey as PublicKey
from mintmark.public_keys import bits_of as bits_of
from mintmark.public_keys import is_rsa as is_rsa
from mintmark.public_keys import public_key_of as public_key_of
from mintmark.public_keys import public_members as public_members
from mintmark.public_keys import public_members_of_jwk as public_members_of_jwk
from mintmark.public_keys import read_public_key as read_public_key
from mintmark.public_keys import size_in_words as size_in_words
from mintmark.public_keys import spki_pem as spki_pem
from mintmark.public_keys import thumbprint as thumbprint

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
RSA_BITS = (2048, 3072, 4096)  # to choose from (NIST SP 800-57 part 1, table 2)
USUAL_RSA_BITS = 3072
_FIELD = "private_key"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key that was checked for an algorithm."""

    algorithm: str
    private: PrivateKey

    def __repr__(self) -> str:
        return f"<KeyPair {self.algorithm}>"

    @property
    def public(self) -> dict[str, Any]:
        """Return the members of a JWK that verify, without `kid`, `alg` and `use`."""
        return public_members(self.private.public_key())

    def to_bytes(self) -> bytes:
        """Return the private half as PKCS #8, to be sealed at once."""
        plain = serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)


def generate(algorithm: str, *, bits: int = USUAL_RSA_BITS) -> KeyPair:
    """Make a key pair at random; `bits` are for RSA, which takes a tenth of a second and more."""
    if is_rsa(algorithm):
        if bits not in RSA_BITS:
            raise FieldError(f"takes one of {', '.join(map(str, RSA_BITS))} bits", "bits")
        return KeyPair(algorithm, rsa.generate_private_key(public_exponent=65537, key_size=bits))
    if algorithm in CURVES:
        return KeyPair(algorithm, ec.generate_private_key(CURVES[algorithm]))
    return KeyPair(algorithm, ed25519.Ed25519PrivateKey.generate())


def from_bytes(pkcs8: bytes) -> PrivateKey:
    """Return a private key that `to_bytes` gave and that was sealed since: checked then, it is not checked again.

    Checking an RSA key takes 150 ms, reading it 15 µs. Raises KeyUnusable.
    """
    try:
        key = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("The signing key cannot be read.") from error
    if not isinstance(key, PrivateKey):
        raise KeyUnusable("The signing key is of a kind that does not sign tokens.")
    return key


def read_private_key(text: str, algorithm: str, *, passphrase: str = "") -> KeyPair:
    """Return the key pair of a PEM (PKCS #8, PKCS #1, SEC 1; encrypted with its passphrase) or a JWK.

    Raises FieldError. Size, type and that both halves belong together are checked (CVE-2026-102275).
    """
    if len(text) > MAX_KEY_CHARACTERS:
        raise FieldError(f"is longer than {MAX_KEY_CHARACTERS:,} characters", _FIELD)
    text = text.strip()
    if text.startswith("{"):
        if passphrase:
            raise FieldError("is for an encrypted PEM; a JWK takes none", "passphrase")
        key = tokens.private_key_of_jwk(_jwk(text, algorithm), algorithm)
    else:
        key = _pem(text, passphrase)
    return KeyPair(algorithm, _checked(key, algorithm))


def _jwk(text: str, algorithm: str) -> dict[str, Any]:
    """Read one JWK that may sign with this algorithm (RFC 7517 §4)."""
    try:
        members = json.loads(text, object_pairs_hook=without_repeats)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise FieldError('is not one JWK: a JSON object such as {"kty": "RSA", …}', _FIELD)
    if "keys" in members:
        raise FieldError("is a whole key set; take the one key that signs out of its “keys”", _FIELD)
    if "d" not in members:
        raise FieldError("is a public key or a secret; the private key (with “d”) is needed to sign", _FIELD)
    if members.get("alg", algorithm) != algorithm:
        raise FieldError(f"says another algorithm (“alg”) than {algorithm}", _FIELD)
    operations = members.get("key_ops", ["sign"])
    if members.get("use", "sig") != "sig" or not isinstance(operations, list) or "sign" not in operations:
        raise FieldError("says that it is not for signing (“use”, “key_ops”)", _FIELD)
    return members


def _pem(text: str, passphrase: str) -> Any:
    if "PRIVATE KEY" not in text:
        kind = "a certificate" if "CERTIFICATE" in text else "a public key" if "PUBLIC KEY" in text else "no PEM or JWK"
        raise FieldError(
            f"is {kind}; the private key is needed: a PEM that begins with -----BEGIN … PRIVATE KEY", _FIELD
        )
    if "OPENSSH" in text:
        words = "is in the format of OpenSSH; `ssh-keygen -p -m PKCS8 -f FILE` writes it as PKCS #8"
        raise FieldError(words, _FIELD)
    der = encrypted_pem.find_der(text)
    try:
        secret = passphrase.encode() or None
        if der is not None:  # The very bytes whose cost was looked at.
            return serialization.load_der_private_key(der, secret)
        return serialization.load_pem_private_key(text.encode(), secret)
    except TypeError:
        if passphrase:
            raise FieldError("is not needed: the key is not encrypted", "passphrase") from None
        raise FieldError("is needed: the key is encrypted", "passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        if passphrase:
            raise FieldError("does not open the key, or the key is damaged", "passphrase") from None
        raise FieldError("cannot be read: damaged, cut off, or its halves do not belong together", _FIELD) from None


def _checked(key: Any, algorithm: str) -> PrivateKey:
    """See that a key is of the algorithm's type and size."""
    see_fits(key.public_key(), algorithm, _FIELD)
    assert isinstance(key, PrivateKey)  # noqa: S101 — for the type checker: its public half is one of the three.
    return key
