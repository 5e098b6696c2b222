"""Sign and verify JSON Web Tokens (RFC 7515, RFC 7519); the only module that imports jwt.

The algorithm is ours to choose (RFC 8725 §3.1): it comes from the asset, never from a
token or a header that somebody typed. What can be known per asset (key, header) is
prepared once in a `Signer`; a token then costs one JSON encoding and one signature.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

import jwt
from jwt.algorithms import Algorithm
from jwt.utils import base64url_encode

from mintmark.errors import FieldError, KeyUnusable, MintmarkError
from mintmark.fields import read_text
from mintmark.unverified import UnverifiedToken, read_unverified

# algorithm → the shortest secret in bytes that RFC 7518 §3.2 allows: as many as a signature has.
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
SECRET_ALGORITHMS = tuple(SECRET_BYTES)
# These take a key pair (RFC 7518 §3.1, RFC 8037 §3.1).
KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
ALGORITHMS = (*SECRET_ALGORITHMS, *KEY_ALGORITHMS)
MIN_WEAK_BYTES = 8
_CURVE_SIGNATURE_BYTES = {"ES256": 64, "ES384": 96, "EdDSA": 64}
_FORBIDDEN_HEADERS = {"alg", "b64", "crit", "enc", "zip", "jku", "jwk"}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class NotSigned(MintmarkError):
    """A token was not signed with this key and this algorithm."""

    code = "not_signed"


class Verifier:
    """One algorithm and one key: a secret, or the public half of a pair.

    A key is for one algorithm, and of its type: bytes go to HMAC and nowhere else, keys never to HMAC
    (CVE-2022-29217: algorithm confusion).
    """

    def __init__(self, algorithm: str, key: Any) -> None:
        """Prepare. `key` is bytes, or a key object that was parsed before. Raises KeyUnusable."""
        self.algorithm = algorithm
        if isinstance(key, bytes) != (algorithm in SECRET_BYTES):
            raise KeyUnusable("The key is not of the algorithm’s type.")
        self._algorithm: Algorithm = jwt.get_algorithm_by_name(algorithm)
        try:
            self._key: Any = self._algorithm.prepare_key(key)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise KeyUnusable("The key does not go with this algorithm.") from error
        self._public = self._key.public_key() if hasattr(self._key, "public_key") else self._key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.algorithm}>"

    @property
    def key_size(self) -> int:
        """Return the length of the key: bytes of a secret, bits of a key pair."""
        if isinstance(self._key, bytes):
            return len(self._key)
        return int(getattr(self._public, "key_size", 256))  # Ed25519 keys have one size and do not say it.

    def has_signed(self, token: UnverifiedToken) -> bool:
        """Tell whether the signature is that of this key.

        A header that says another algorithm is not believed to be ours (RFC 8725 §3.1); nor is one that
        demands what we do not know (`crit`, RFC 7515 §4.1.11).
        """
        if token.unverified_algorithm != self.algorithm or "crit" in token.unverified_header:
            return False
        return self._algorithm.verify(token.signing_input, self._public, token.unverified_signature)

    def verify(self, token: UnverifiedToken) -> dict[str, Any]:
        """Return the claims of a token that was signed with this key. Raises NotSigned.

        Only the signature is held to account: times and audience are the relying party's to check.
        """
        if not self.has_signed(token):
            raise NotSigned("The token was not signed with this key.")
        return token.unverified_claims


def header_of(algorithm: str, headers: Mapping[str, str], key_id: str | None) -> dict[str, str]:
    """Return the protected header of what a key signs; its `key_id` stands before that of `headers`."""
    named = {"kid": key_id} if key_id else {}
    # `alg` last: no header of an asset may override it (security of PyJWT's `headers=`).
    return {"typ": "JWT", **headers, **named, "alg": algorithm}


class Signer(Verifier):
    """One key, one algorithm, one protected header, ready to sign."""

    def __init__(self, algorithm: str, key: Any, headers: Mapping[str, str], key_id: str | None = None) -> None:
        """Prepare. `key` is bytes or a private key; its `key_id` stands as `kid`, before that of `headers`.

        Raises KeyUnusable.
        """
        super().__init__(algorithm, key)
        self.key_id = key_id or headers.get("kid")
        self.header = header_of(algorithm, headers, self.key_id)
        self._header = base64url_encode(_encode(self.header).encode())

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the token of these claims in compact serialisation (RFC 7515 §7.1)."""
        signing_input = self._header + b"." + base64url_encode(_encode(claims).encode())
        return (signing_input + b"." + base64url_encode(self._algorithm.sign(signing_input, self._key))).decode("ascii")

    def size_of(self, claims: Mapping[str, Any]) -> int:
        """Return how many characters the token of these claims would have, without making it."""
        claims_bytes = len(_encode(claims).encode())
        return len(self._header) + 2 + _base64url_size(claims_bytes) + _base64url_size(self._signature_bytes)

    @property
    def _signature_bytes(self) -> int:
        if self.algorithm in SECRET_BYTES:
            return SECRET_BYTES[self.algorithm]
        return _CURVE_SIGNATURE_BYTES.get(self.algorithm) or (int(self._key.key_size) + 7) // 8


def _base64url_size(amount: int) -> int:
    return (amount * 4 + 2) // 3


def read_algorithm(text: str) -> str:
    """Return a known algorithm's name. Raises FieldError."""
    if text not in ALGORITHMS:
        raise FieldError(f"“{text[:20]}” is unknown; take one of {', '.join(ALGORITHMS)}", "algorithm")
    return text


def read_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return an asset's extra protected headers. Raises FieldError."""
    for name, value in headers.items():
        if not name or len(name) > 100 or name in _FORBIDDEN_HEADERS or name.startswith("x5"):
            raise FieldError(f"“{name[:40]}” may not be set by an asset", "headers")
        read_text(name, "headers", longest=100)
        read_text(value, "headers", longest=255)
    return dict(headers)


def trial(algorithm: str, secret: bytes) -> None:
    """Sign and verify once, as every token will be. Raises FieldError where the secret is a key file."""
    try:
        signer = Signer(algorithm, secret, {})
        signer.verify(read_unverified(signer.sign({"trial": True})))
    except (KeyUnusable, NotSigned):
        refuse_key_file()


def private_key_of_jwk(members: dict[str, Any], algorithm: str) -> Any:
    """Return the private key of one JWK, whose halves belong together. Raises FieldError without a word of it."""
    try:
        return jwt.get_algorithm_by_name(algorithm).from_jwk(members)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        # Never its words: they may hold the whole JWK.
        words = f"is no whole private JWK for {algorithm}, or its halves do not belong together"
        raise FieldError(words, "private_key") from None


def refuse_key_file() -> NoReturn:
    """Say that a key was given where a shared secret belongs (CVE-2022-29217: algorithm confusion)."""
    raise FieldError(
        "looks like a key file (PEM, DER, SSH or JWK), not like a shared secret;"
        " paste the secret that the relying party shows",
        "secret",
    ) from None


def make_jti() -> str:
    """Return a random token id of 128 bits (RFC 7519 §4.1.7)."""
    return secrets.token_urlsafe(16)
