"""Passwords: argon2id (OWASP Password Storage), never truncated, never logged.

One is worked on at a time in one process, and one may wait, so that a burst of sign-ins takes
neither the memory of the machine (each takes 32 MiB) nor the threads that tokens need. An unknown
person costs the same work by construction: `matches` with no hash verifies against a fixed one and says no.
"""

import threading
import unicodedata
from collections.abc import Callable
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mintmark.errors import Busy, FieldError

MIN_CHARACTERS = 12
MAX_BYTES = 1024
_WAIT_SECONDS = 2.0
_TOO_MANY = "Too many people are signing in at this moment. Try again in a few seconds."
_hasher = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
_places = threading.BoundedSemaphore(2)
_turn = threading.BoundedSemaphore(1)
# The hash of a password that nobody has: 32 random bytes, thrown away.
_NOBODY = "$argon2id$v=19$m=32768,t=2,p=1$YJhGc2yKiyivlRy44UfCtA$mln+NX9v5xkfMOtbL87TeRQbKOwKoozDKS+utheja6w"


def read_password(text: str, *, username: str) -> str:
    """Return a password that may be set. Raises FieldError."""
    if len(text) < MIN_CHARACTERS:
        raise FieldError(f"has fewer than {MIN_CHARACTERS} characters", "password")
    if not text.isprintable() or len(_bytes(text)) > MAX_BYTES:
        raise FieldError(f"takes printable characters, at most {MAX_BYTES} bytes", "password")
    if text.casefold() == username.casefold() or _is_one_piece_repeated(text):
        raise FieldError("is the username, or one piece repeated", "password")
    return text


def hash_password(password: str) -> str:
    """Return the argon2id hash to keep. Raises Busy where too many are being worked on."""
    return str(_in_turn(_hasher.hash, _bytes(password)))


def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether the password is the hashed one; the same work where there is no hash. Raises Busy."""
    try:
        _in_turn(_hasher.verify, password_hash or _NOBODY, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Tell whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def see_place() -> None:
    """Say at once that too many are being worked on, before more is done for an attempt. Raises Busy."""
    if not _places.acquire(blocking=False):
        raise Busy(_TOO_MANY)
    _places.release()


def _in_turn(work: Callable[..., Any], *arguments: str | bytes) -> Any:
    if not _places.acquire(blocking=False):
        raise Busy(_TOO_MANY)
    try:
        if not _turn.acquire(timeout=_WAIT_SECONDS):
            raise Busy(_TOO_MANY)
        try:
            return work(*arguments)
        finally:
            _turn.release()
    finally:
        _places.release()


def _bytes(password: str) -> bytes:
    # NFC, so that the same password typed on another keyboard is the same (RFC 8265 §4.2.2);
    # what is no text (a lone surrogate) is none that anybody has.
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")


def _is_one_piece_repeated(text: str) -> bool:
    return text in (text + text)[1:-1]
