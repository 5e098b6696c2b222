"""Encrypted PEMs (PKCS #8): what opening one costs is read, and bounded, before it is opened.

Rule: who brings a key does not decide for how long this site stands still. How often a passphrase is
hashed is written in the file itself (RFC 8018 §4.2, RFC 7914 §2), and while that is done nothing else
is. What cannot be read to its end is refused.
"""

import base64
import re

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from mintmark.errors import FieldError

MAX_ROUNDS = 2_000_000  # of PBKDF2, or of the older PBES1: half a second; three times what is advised today.
MAX_SCRYPT_BYTES = 64 * 1024 * 1024  # 128·N·r·p: both memory and time; four times what OpenSSL takes.
_MAX_DERIVED_BYTES = 64  # No cipher takes a longer key.
_LABEL = "ENCRYPTED PRIVATE KEY"
_BLOCK = re.compile(f"-----BEGIN {_LABEL}-----([A-Za-z0-9+/=\\s]+)-----END {_LABEL}-----")
_PBES2, _PBKDF2, _SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"


@asn1.sequence
class _Algorithm:
    """RFC 5280 §4.1.1.2."""

    name: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class _Encrypted:
    """RFC 5958 §3."""

    how: _Algorithm
    hidden: bytes


@asn1.sequence
class _Pbes1:
    """RFC 8018 appendix A.3; RFC 7292 appendix C has the same."""

    salt: bytes
    rounds: int


@asn1.sequence
class _Pbes2:
    """RFC 8018 appendix A.4."""

    derivation: _Algorithm
    cipher: _Algorithm


@asn1.sequence
class _Pbkdf2:
    """RFC 8018 appendix A.2."""

    salt: bytes
    rounds: int
    length: int | None
    function: _Algorithm | None


@asn1.sequence
class _Scrypt:
    """RFC 7914 §7.1."""

    salt: bytes
    cost: int
    block: int
    parallel: int
    length: int | None


def find_der(text: str) -> bytes | None:
    """Return the encrypted PKCS #8 of a PEM, which opens in bounded time; None where there is none.

    Raises FieldError.
    """
    if _LABEL not in text:
        return None  # The older encryption of OpenSSL (Proc-Type) hashes once.
    try:
        found = _BLOCK.search(text)
        der = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
        is_cheap = _is_cheap(asn1.decode_der(_Encrypted, der).how)
    except ValueError:
        raise FieldError("cannot be read: damaged, cut off, or encrypted in an unknown way", "private_key") from None
    if not is_cheap:
        words = "takes too long to open; `openssl pkcs8 -topk8 -iter 600000 -in FILE` encrypts it anew"
        raise FieldError(words, "private_key")
    return der


def _is_cheap(how: _Algorithm) -> bool:
    """Tell whether a passphrase is hashed no more often than this site bears. Raises ValueError."""
    if how.name.dotted_string != _PBES2:
        return bool(how.parameters.parse(_Pbes1).rounds <= MAX_ROUNDS)
    derivation: _Algorithm = how.parameters.parse(_Pbes2).derivation
    if derivation.name.dotted_string == _PBKDF2:
        found = derivation.parameters.parse(_Pbkdf2)
        return bool(found.rounds <= MAX_ROUNDS and (found.length or 0) <= _MAX_DERIVED_BYTES)
    if derivation.name.dotted_string != _SCRYPT:
        raise ValueError("unknown derivation")
    given = derivation.parameters.parse(_Scrypt)
    if min(given.cost, given.block, given.parallel) < 1:
        raise ValueError("out of range")
    is_small = 128 * given.cost * given.block * given.parallel <= MAX_SCRYPT_BYTES
    return bool(is_small and (given.length or 0) <= _MAX_DERIVED_BYTES)
