"""Public keys: read from what others show (PEM, certificate, JWK), checked, and written as members of a JWK.

Pure. What comes out is built anew from the members that verify (RFC 7518 §6, RFC 8037 §2): no other member of what
was brought is kept, and nothing private is taken. No error repeats anything of what was brought: it may be private.
"""

import base64
import hashlib
import json
import re
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mintmark.errors import FieldError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192  # NIST SP 800-57 part 1, table 2; more would only be slow.
MAX_KEY_CHARACTERS = 16_384
MAX_KEY_ID = 128  # characters of a `kid`, whoever's key it is
CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384"}  # of SEC 2 → of RFC 7518 §6.2.1.1
_FIELD = "public_key"
_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))  # RFC 7518 §6.2.2, §6.3.2, §6.4.1
_BLOCK = re.compile(r"-----BEGIN ((?:RSA )?PUBLIC KEY|CERTIFICATE)-----([A-Za-z0-9+/=\s]*)-----END \1-----")
# Whoever takes a point of small order for a key takes anybody's signature (RFC 8032 §5.1.7 does not look): the y
# of those eight points, whatever the sign of x.
_FIELD_ED25519 = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER = frozenset((0, 1, _FIELD_ED25519 - 1, _ORDER_8, _FIELD_ED25519 - _ORDER_8))


def is_rsa(algorithm: str) -> bool:
    """Tell whether an algorithm takes RSA keys."""
    return algorithm.startswith(("RS", "PS"))


def read_public_key(text: str, algorithm: str) -> dict[str, Any]:
    """Return the members of a PEM (SPKI, PKCS #1, an X.509 certificate) or of one public JWK. Raises FieldError."""
    if len(text) > MAX_KEY_CHARACTERS:
        raise FieldError(f"is longer than {MAX_KEY_CHARACTERS:,} characters", _FIELD)
    text = text.strip()
    if text.startswith("{"):
        return public_members_of_jwk(_object(text), algorithm)
    return public_members(see_fits(_pem(text), algorithm, _FIELD))


def public_members_of_jwk(jwk: object, algorithm: str) -> dict[str, Any]:
    """Return the members of one public JWK that may verify this algorithm (RFC 7517 §4). Raises FieldError.

    What it says beside them (`kid`, `x5c`, …) is dropped.
    """
    if not isinstance(jwk, dict):
        raise FieldError('is not one JWK: a JSON object such as {"kty": "RSA", …}', _FIELD)
    if "keys" in jwk:
        raise FieldError("is a whole key set; take the one key that verifies out of its “keys”", _FIELD)
    if _PRIVATE & jwk.keys() or jwk.get("kty") == "oct":
        raise FieldError("is a private key or a secret; only a public key belongs here", _FIELD)
    if jwk.get("alg", algorithm) != algorithm:
        raise FieldError(f"says another algorithm (“alg”) than {algorithm}", _FIELD)
    if jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
        raise FieldError("says that it is not for verifying (“use”, “key_ops”)", _FIELD)
    try:
        key = _key_of_jwk(jwk, algorithm)
    except (ValueError, UnsupportedAlgorithm):
        raise FieldError("is damaged: its members make no key", _FIELD) from None
    return public_members(see_fits(key, algorithm, _FIELD))


def _object(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=without_repeats)
    except (ValueError, RecursionError):
        return None


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of JSON whose names stand once each. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def _key_of_jwk(jwk: dict[str, Any], algorithm: str) -> PublicKey:
    """Make a key of canonical members. Raises ValueError where they make none."""
    kind = "RSA" if is_rsa(algorithm) else "EC" if algorithm in CURVES else "OKP"
    curve = None if kind == "RSA" else _CURVE_NAMES[CURVES[algorithm].name] if kind == "EC" else "Ed25519"
    if jwk.get("kty") != kind or (curve and jwk.get("crv") != curve):
        _refuse_type(algorithm)
    given = {name: _bytes_of(jwk.get(name)) for name in {"RSA": "ne", "EC": "xy", "OKP": "x"}[kind]}
    if kind == "RSA":
        see_size(int.from_bytes(given["n"], "big").bit_length(), _FIELD)  # Before anything is worked out with it.
    elif kind == "EC" and {len(part) for part in given.values()} != {CURVES[algorithm].key_size // 8}:
        raise ValueError("coordinates of another length (RFC 7518 §6.2.1.2)")
    return public_key_of({"kty": kind, "crv": curve, **{name: base64url(part) for name, part in given.items()}})


def _bytes_of(text: object) -> bytes:
    """Return the bytes of canonical base64url. Raises ValueError."""
    if not isinstance(text, str) or len(text) > MAX_KEY_CHARACTERS or not text.isascii():
        raise ValueError("no text")
    found = _bytes(text)
    if base64url(found) != text:
        raise ValueError("another spelling")
    return found


def _pem(text: str) -> object:
    """Return the key of one PEM, whatever white space got in between; `\\n` may be spelt as in JSON."""
    text = text.replace("\\r", "").replace("\\n", "\n")
    if "PRIVATE KEY" in text:
        raise FieldError("is a private key; paste the public one, and give the private one to nobody", _FIELD)
    if text.startswith(("ssh-", "ecdsa-sha2-", "---- BEGIN SSH2")):
        raise FieldError(
            "is in the format of OpenSSH; `ssh-keygen -e -m PKCS8 -f FILE` writes it as -----BEGIN PUBLIC KEY", _FIELD
        )
    blocks = _BLOCK.findall(text)
    if len(blocks) != 1 or text.count("-----BEGIN") != 1:
        words = "holds several keys or certificates; paste the one that verifies"
        raise FieldError(words if len(blocks) > 1 else "is no PEM that begins with -----BEGIN PUBLIC KEY", _FIELD)
    [(label, body)] = blocks
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        if label == "CERTIFICATE":
            # The key alone is taken; when the certificate ends is no matter: this site switches keys off itself.
            return x509.load_der_x509_certificate(der).public_key()
        return serialization.load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FieldError("cannot be read: damaged or cut off, or of a kind that signs no tokens", _FIELD) from None


def see_fits(key: object, algorithm: str, field: str) -> PublicKey:
    """Return a key of the algorithm's type and size (RFC 7518 §3.1, RFC 8037 §3.1). Raises FieldError."""
    if is_rsa(algorithm):
        if not isinstance(key, rsa.RSAPublicKey):
            _refuse_type(algorithm, field)
        see_size(key.key_size, field)
        numbers = key.public_numbers()
        if numbers.e < 3 or numbers.e % 2 == 0 or numbers.e.bit_length() > 32:
            raise FieldError("has an unusual public exponent; 65537 is the usual one", field)
        if numbers.n % 2 == 0:
            raise FieldError("is damaged: its modulus is even", field)
    elif algorithm in CURVES:
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVES[algorithm].name:
            _refuse_type(algorithm, field)
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        _refuse_type(algorithm, field)
    elif (int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)) % _FIELD_ED25519 in _SMALL_ORDER:
        raise FieldError("is a point for which anybody can sign", field)
    return key


def see_size(bits: int, field: str) -> None:
    """Raises FieldError where an RSA key is too short to trust, or too long to work with."""
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise FieldError(f"has {bits} bits; an RSA key takes {MIN_RSA_BITS} to {MAX_RSA_BITS}", field)


def _refuse_type(algorithm: str, field: str = _FIELD) -> NoReturn:
    curve = f"a key on the curve {_CURVE_NAMES[CURVES[algorithm].name]}" if algorithm in CURVES else "an Ed25519 key"
    needed = "an RSA key" if is_rsa(algorithm) else curve
    raise FieldError(f"is of another type; {algorithm} takes {needed}", field)


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
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)}


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
    return base64url(hashlib.sha256(text.encode()).digest())


def bits_of(members: dict[str, Any]) -> int:
    """Return the length of an RSA key; 0 for the others, which have each one size."""
    return _number(members["n"]).bit_length() if members["kty"] == "RSA" else 0


def size_in_words(members: dict[str, Any]) -> str:
    """Return what kind of key this is: “RSA, 3072 bits”, “P-256”, “Ed25519”."""
    if members["kty"] == "RSA":
        return f"RSA, {bits_of(members)} bits"
    return str(members["crv"])


def _whole(number: int, size: int | None = None) -> str:
    return base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def base64url(value: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
