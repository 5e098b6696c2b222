"""Reading a token that anybody may have written: strictly, in bounds, and believing none of it.

Pure. What comes out is named `unverified_…` until a key has vouched for it. The compact
serialisation of a JWS alone is read (RFC 7515 §7.1): canonical base64url without padding
(RFC 4648 §3.5), and JSON in which no two readers could see two things (RFC 8259, RFC 8725 §2.4).
"""

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from mintmark.errors import MintmarkError

MAX_TOKEN_BYTES = 16 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 20
_COMPACT = re.compile(r"[A-Za-z0-9_.-]*", re.ASCII)
# One piece of JSON at a time: a text, whole or cut off, or a bracket; each character is looked at once.
_PIECES = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class TokenMalformed(MintmarkError):
    """What was given is no signed token; the words repeat nothing of it."""

    code = "token_malformed"


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token taken apart; `signing_input` is what its signature would be over (RFC 7515 §2)."""

    unverified_header: dict[str, Any]
    unverified_claims: dict[str, Any]
    unverified_signature: bytes
    signing_input: bytes

    def __repr__(self) -> str:
        return "<UnverifiedToken>"

    @property
    def unverified_algorithm(self) -> str:
        """Return what the header says that it was signed with; never what it is to be verified with."""
        return str(self.unverified_header["alg"])


def read_unverified(token: str) -> UnverifiedToken:
    """Take a token apart. Raises TokenMalformed and nothing else, whatever the text."""
    parts = _parts(token)
    header = read_object(_decode(parts[0], "header"), "header")
    if not isinstance(header.get("alg"), str):
        raise TokenMalformed("Its header does not say an algorithm (`alg`).")
    if "enc" in header:
        _refuse_encrypted()
    claims = read_object(_decode(parts[1], "claims"), "claims")
    signature = _decode(parts[2], "signature")
    return UnverifiedToken(header, claims, signature, f"{parts[0]}.{parts[1]}".encode("ascii"))


def _parts(token: str) -> list[str]:
    """Split a compact serialisation."""
    if not token:
        raise TokenMalformed("There is no token.")
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenMalformed(f"It has more than {MAX_TOKEN_BYTES:,} characters.")
    if token[0] == "{":
        raise TokenMalformed("It is written as JSON. Only the compact form is read: three parts joined by dots.")
    if not _COMPACT.fullmatch(token):
        raise TokenMalformed("It holds a character that no token has: only A–Z a–z 0–9 - _ and dots. Copy it again.")
    parts = token.split(".")
    if len(parts) == 5:
        _refuse_encrypted()
    if len(parts) != 3:
        amount = f"{len(parts)} parts" if len(parts) > 1 else "one part"
        raise TokenMalformed(f"It has {amount}; a signed token has three, joined by dots. Copy all of it.")
    return parts


def _refuse_encrypted() -> NoReturn:
    raise TokenMalformed("It is encrypted (JWE): only whom it was made for can read it.")


def _decode(part: str, what: str) -> bytes:
    """Return the bytes of a part that has one spelling only."""
    if len(part) % 4 != 1:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if base64.urlsafe_b64encode(decoded).rstrip(b"=") == part.encode("ascii"):
            return decoded
    raise TokenMalformed(f"Its {what} is not base64url as RFC 7515 writes it. It may be cut off; copy all of it.")


def read_object(content: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object that others wrote, a part of a token or an answer. Raises TokenMalformed."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise TokenMalformed(f"Its {what} is not UTF-8.") from None
    if _depth(text) > MAX_DEPTH:
        raise TokenMalformed(f"Its {what} is nested more than {MAX_DEPTH} levels deep.")
    try:
        found = _decoder.decode(text)
        _compact(found).encode("utf-8")  # A lone surrogate is no text.
    except json.JSONDecodeError:
        raise TokenMalformed(f"Its {what} is not JSON.") from None
    except UnicodeEncodeError:
        raise TokenMalformed(f"Its {what} holds half of a surrogate pair, which is no text.") from None
    except _Unfit as error:
        raise TokenMalformed(f"Its {what} {error}.") from None
    if not isinstance(found, dict):
        raise TokenMalformed(f"Its {what} is not a JSON object.")
    return found


def _depth(text: str) -> int:
    """Return how deeply brackets are nested, before anything follows them down."""
    deepest = depth = 0
    for piece in _PIECES.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece[0], 0)
        deepest = max(deepest, depth)
    return deepest


class _Unfit(Exception):
    """JSON that readers may understand differently; the words go on from “Its header …”."""


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unfit("has the same name twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise _Unfit(f"holds a number of more than {MAX_DIGITS} digits")
    return int(text)


def _real(text: str) -> float:
    mantissa = text.lower().partition("e")[0].lstrip("-").replace(".", "")
    if len(mantissa.lstrip("0")) > MAX_DIGITS:
        raise _Unfit(f"holds a number of more than {MAX_DIGITS} digits")
    number = float(text)
    if not math.isfinite(number):
        raise _Unfit("holds a number that is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise _Unfit(f"holds {name}, which is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object_without_repeats, parse_int=_whole, parse_float=_real, parse_constant=_refuse_constant
)
