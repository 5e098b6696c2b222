"""Key pairs: made, read from what somebody brings, checked, and taken apart into what may be published.

Pure. What is published is built from a list of the members that verify (RFC 7518 §6, RFC 8037 §2);
nothing is ever taken away from something private. A private key leaves this module only as PKCS #8
bytes, to be sealed. No error repeats anything of a key.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mintmark import encrypted_pem, tokens
from mintmark.errors import FieldError, KeyUnusable

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
RSA_BITS = (2048, 3072, 4096)  # to choose from (NIST SP 800-57 part 1, table 2)
USUAL_RSA_BITS = 3072
MIN_RSA_BITS, MAX_RSA_BITS = RSA_BITS[0], 8192
MAX_KEY_CHARACTERS = 16_384
_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384"}  # of SEC 2 → of RFC 7518 §6.2.1.1
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
    if algorithm in _CURVES:
        return KeyPair(algorithm, ec.generate_private_key(_CURVES[algorithm]))
    return KeyPair(algorithm, ed25519.Ed25519PrivateKey.generate())


def is_rsa(algorithm: str) -> bool:
    """Tell whether an algorithm takes RSA keys."""
    return algorithm.startswith(("RS", "PS"))


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
        members = json.loads(text, object_pairs_hook=_without_repeats)
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


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


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
    """See that a key is of the algorithm's type and size (RFC 7518 §3.1, RFC 8037 §3.1)."""
    if is_rsa(algorithm):
        if not isinstance(key, rsa.RSAPrivateKey):
            _refuse_type(algorithm, "an RSA key")
        numbers = key.private_numbers().public_numbers
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            words = f"has {key.key_size} bits; an RSA key takes {MIN_RSA_BITS} to {MAX_RSA_BITS}"
            raise FieldError(words, _FIELD)
        if numbers.e < 3 or numbers.e % 2 == 0 or numbers.e.bit_length() > 32:
            raise FieldError("has an unusual public exponent; 65537 is the usual one", _FIELD)
    elif algorithm in _CURVES:
        name = _CURVE_NAMES[_CURVES[algorithm].name]
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVES[algorithm].name:
            _refuse_type(algorithm, f"a key on the curve {name}")
    elif not isinstance(key, ed25519.Ed25519PrivateKey):
        _refuse_type(algorithm, "an Ed25519 key")
    assert isinstance(key, PrivateKey)  # noqa: S101 — for the type checker: one of the three it is.
    return key


def _refuse_type(algorithm: str, needed: str) -> NoReturn:
    raise FieldError(f"is of another type; {algorithm} takes {needed}", _FIELD)


def public_members(key: PublicKey) -> dict[str, Any]:
    """Return the members that verify, and no others (RFC 7518 §6.2.1, §6.3.1, RFC 8037 §2)."""
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return {"kty": "RSA", "n": _whole(rsa_numbers.n), "e": _whole(rsa_numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers, size = key.public_numbers(), (key.curve.key_size + 7) // 8
        curve = _CURVE_NAMES[key.curve.name]
        return {"kty": "EC", "crv": curve, "x": _whole(numbers.x, size), "y": _whole(numbers.y, size)}
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}


def public_key_of(members: dict[str, Any]) -> PublicKey:
    """Return the key of members that `public_members` gave."""
    if members["kty"] == "RSA":
        return rsa.RSAPublicNumbers(_number(members["e"]), _number(members["n"])).public_key()
    if members["kty"] == "EC":
        curve = ec.SECP256R1() if members["crv"] == "P-256" else ec.SECP384R1()
        return ec.EllipticCurvePublicNumbers(_number(members["x"]), _number(members["y"]), curve).public_key()
    return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(members["x"]))


def spki_pem(members: dict[str, Any]) -> str:
    """Return the public key as PEM of a SubjectPublicKeyInfo (RFC 7468 §13): -----BEGIN PUBLIC KEY-----."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public_key_of(members).public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def thumbprint(members: dict[str, Any]) -> str:
    """Return the thumbprint of a public key: 43 characters (RFC 7638 §3, RFC 8037 §2)."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def bits_of(members: dict[str, Any]) -> int:
    """Return the length of an RSA key; 0 for the others, which have each one size."""
    return _number(members["n"]).bit_length() if members["kty"] == "RSA" else 0


def size_in_words(members: dict[str, Any]) -> str:
    """Return what kind of key this is: “RSA, 3072 bits”, “P-256”, “Ed25519”."""
    if members["kty"] == "RSA":
        return f"RSA, {bits_of(members)} bits"
    return str(members["crv"])


def _whole(number: int, size: int | None = None) -> str:
    return _base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
