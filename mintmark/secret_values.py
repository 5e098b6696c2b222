"""A shared secret: read as the other side shows it, decoded, and tried.

Rule: no error repeats a secret. Relying parties and issuers use what they show as text, also where it looks like
hex or base64; decoding is the exception and has to be asked for.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mintmark import tokens
from mintmark.errors import FieldError
from mintmark.fields import read_boolean, read_text

ENCODINGS = ("text", "base64", "base64url", "hex")
MAX_CHARACTERS = 4_096
_KEY_MARKS = (b"-----BEGIN", b"-----END", b"ssh-", b"ecdsa-sha2-", b"PuTTY-User-Key")


@dataclass(frozen=True)
class SecretValue:
    """A secret that was read and tried, not yet sealed; with the `kid` that goes with it, where it has one."""

    value: bytes = field(repr=False)
    weak: bool
    kid: str | None = None


def read_secret(text: Any, encoding: str, *, algorithm: str, weak: Any = False) -> SecretValue:
    """Decode and check a secret for an algorithm. Raises FieldError, which never repeats it."""
    is_weak = read_boolean(weak, "secret")
    value = _decode(read_text(text, "secret", longest=MAX_CHARACTERS), encoding)
    check_secret(value, algorithm=algorithm, weak=is_weak)
    return SecretValue(value, is_weak)


def check_secret(value: bytes, *, algorithm: str, weak: bool) -> None:
    """See that a secret is long enough, is no key file, and signs (RFC 7518 §3.2). Raises FieldError."""
    if _is_key_file(value):
        tokens.refuse_key_file()
    needed = tokens.MIN_WEAK_BYTES if weak else tokens.SECRET_BYTES[algorithm]
    if len(value) < needed:
        raise FieldError(_too_short(len(value), algorithm, needed, weak), "secret")
    tokens.trial(algorithm, value)


def _is_key_file(value: bytes) -> bool:
    """Tell PEM, OpenSSH and DER, also in UTF-16, base64, base64url and hex (CVE-2022-29217)."""
    text = b"".join(value.split()).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    inner = [value.replace(b"\x00", b""), _or_nothing(base64.b64decode, text + b"=" * (-len(text) % 4))]
    inner.append(_or_nothing(binascii.unhexlify, text))
    if any(mark in form for mark in _KEY_MARKS for form in (value, *inner)):
        return True
    return any(_is_der(form.rstrip(b"\r\n")) for form in (value, *inner[1:]) if not (form.isascii() and form.isalnum()))


def _or_nothing(decode: Callable[[bytes], bytes], text: bytes) -> bytes:
    try:
        return decode(text)
    except (binascii.Error, ValueError):
        return b""


def _is_der(value: bytes) -> bool:
    """Tell a DER sequence that fills the value and begins as keys and certificates do (X.690 §8.1.3, §8.9)."""
    if len(value) < 8 or value[0] != 0x30:
        return False
    octets = value[1] & 0x7F if value[1] & 0x80 else 0
    length = int.from_bytes(value[2 : 2 + octets], "big") if octets else value[1]
    return octets <= 4 and length == len(value) - 2 - octets and value[2 + octets] in (0x02, 0x30)


def _too_short(length: int, algorithm: str, needed: int, weak: bool) -> str:
    if weak or length < tokens.MIN_WEAK_BYTES:
        return f"has {length} bytes; under {tokens.MIN_WEAK_BYTES} is never possible"
    return (
        f"has {length} bytes; {algorithm} takes at least {needed} (RFC 7518 §3.2)."
        " If the other side dictates it, mark it weak"
    )


def _decode(text: str, encoding: str) -> bytes:
    if text != text.strip():
        raise FieldError(
            "has white space at its beginning or end. If that is a slip of copying, take it away;"
            " if it really belongs to the secret, give the secret as base64",
            "secret",
        )
    try:
        if encoding == "text":
            return text.encode()
        if encoding == "hex":
            return binascii.unhexlify(text)
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        if not set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="):
            _refuse(encoding)
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        _refuse(encoding)


def _refuse(encoding: str) -> NoReturn:
    raise FieldError(f"is not {encoding}. If the other side shows it so, give it as text", "secret") from None
