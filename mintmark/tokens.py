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
ALGORITHMS = tuple(SECRET_BYTES)
MIN_WEAK_BYTES = 8
_FORBIDDEN_HEADERS = {"alg", "b64", "crit", "enc", "zip", "jku", "jwk"}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class NotSigned(MintmarkError):
    """A token was not signed with this key and this algorithm."""

    code = "not_signed"


class Signer:
    """One key, one algorithm, one protected header, ready to sign."""

    def __init__(self, algorithm: str, secret: bytes, headers: Mapping[str, str]) -> None:
        """Prepare. Raises KeyUnusable."""
        self.algorithm = algorithm
        self.key_id = headers.get("kid")
        self._hmac: Algorithm = jwt.get_algorithm_by_name(algorithm)
        try:
            self._key = self._hmac.prepare_key(secret)
        except jwt.PyJWTError as error:
            raise KeyUnusable("The secret cannot sign.") from error
        # `alg` last: no header of an asset may override it (security of PyJWT's `headers=`).
        self.header = {"typ": "JWT", **headers, "alg": algorithm}
        self._header = base64url_encode(_encode(self.header).encode())

    def __repr__(self) -> str:
        return f"<Signer {self.algorithm}>"

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the token of these claims in compact serialisation (RFC 7515 §7.1)."""
        signing_input = self._header + b"." + base64url_encode(_encode(claims).encode())
        return (signing_input + b"." + base64url_encode(self._hmac.sign(signing_input, self._key))).decode("ascii")

    def size_of(self, claims: Mapping[str, Any]) -> int:
        """Return how many characters the token of these claims would have, without making it."""
        claims_bytes, signature_bytes = len(_encode(claims).encode()), SECRET_BYTES[self.algorithm]
        return len(self._header) + 2 + _base64url_size(claims_bytes) + _base64url_size(signature_bytes)

    def has_signed(self, token: UnverifiedToken) -> bool:
        """Tell whether the signature is that of this key.

        A key is for one algorithm, and a header that says another is not believed to be ours (RFC 8725 §3.1);
        nor is one that demands what we do not know (`crit`, RFC 7515 §4.1.11).
        """
        if token.unverified_algorithm != self.algorithm or "crit" in token.unverified_header:
            return False
        return self._hmac.verify(token.signing_input, self._key, token.unverified_signature)

    def verify(self, token: UnverifiedToken) -> dict[str, Any]:
        """Return the claims of a token that was signed with this key. Raises NotSigned.

        Only the signature is held to account: times and audience are the relying party's to check.
        """
        if not self.has_signed(token):
            raise NotSigned("The token was not signed with this secret.")
        return token.unverified_claims


def _base64url_size(amount: int) -> int:
    return (amount * 4 + 2) // 3


def read_algorithm(text: str) -> str:
    """Return a known algorithm's name. Raises FieldError."""
    if text not in SECRET_BYTES:
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
