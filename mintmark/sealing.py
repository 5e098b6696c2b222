"""Encryption at rest: the one place where secrets are sealed and opened.

AES-256-GCM with a random 96-bit nonce (fewer than 2^32 seals per key, NIST SP 800-38D §8.3).
A sealed value is `version ‖ length of key id ‖ key id ‖ nonce ‖ ciphertext`, and is bound to
its table, row and column: moved anywhere else it does not open. Keys are ordered: the first
seals, all open, so that rotating is putting a key in front. Where they are kept in a file, that is
looked at again before each seal, and when a value names a key that is not known: a process never
seals with a key that was replaced, and opens what was sealed with one that it has not seen yet.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mintmark.errors import ConfigurationError, SealError

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class SealingKey:
    """One key with its id. Its bytes never appear in `repr`."""

    def __init__(self, key_id: str, key: bytes) -> None:
        if not _KEY_ID.fullmatch(key_id) or len(key) != 32:
            raise ConfigurationError("A sealing key is <id>:<32 bytes in base64>.")
        self.key_id = key_id
        self._key = key
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return f"<SealingKey {self.key_id}>"

    @classmethod
    def parse(cls, text: str) -> "SealingKey":
        """Read `<id>:<32 bytes in base64>`. Raises ConfigurationError, which never repeats the key."""
        key_id, colon, encoded = text.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not colon:
            raise ConfigurationError("A sealing key is <id>:<32 bytes in base64>; the colon is missing.")
        return cls(key_id, key)

    @classmethod
    def generate(cls) -> tuple["SealingKey", str]:
        """Make a new key; return it and the line to keep."""
        key_id, key = "k" + secrets.token_hex(4), os.urandom(32)
        return cls(key_id, key), f"{key_id}:{base64.b64encode(key).decode()}"

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose (RFC 5869), from which this key cannot be told."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mintmark:" + purpose.encode()).derive(self._key)


class Source(Protocol):
    """Where keys are kept that can change while a process runs."""

    def changed(self) -> list[SealingKey] | None:
        """Return the keys where they are others than when they were last read, else None."""


class Sealer:
    """Seals with the first key, opens with any of them; `source` is where to look for others."""

    def __init__(self, keys: Iterable[SealingKey], source: Source | None = None) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._take(list(keys))
        if not self.keys or len(self._by_id) != len(self.keys):
            raise ConfigurationError("At least one sealing key is needed, each with an id of its own.")
        self._first = self.keys[0]

    def _take(self, keys: list[SealingKey]) -> None:
        self._by_id = {key.key_id.encode(): key for key in keys}
        self.keys = keys

    def look_again(self) -> None:
        """Take the keys as they are kept now. Those that are kept no more go on opening, and never seal."""
        if self.source is None:
            return
        with self._lock:
            kept = self.source.changed()
            if kept:
                ids = {key.key_id for key in kept}
                self._take([*kept, *(key for key in self.keys if key.key_id not in ids)])

    def __repr__(self) -> str:
        return f"<Sealer {', '.join(key.key_id for key in self.keys)}>"

    def seal(self, value: bytes, *, table: str, row: str, column: str) -> bytes:
        """Encrypt `value` for one place in the database."""
        self.look_again()
        key, nonce = self.keys[0], os.urandom(_NONCE_BYTES)
        key_id = key.key_id.encode()
        head = _VERSION + bytes([len(key_id)]) + key_id
        sealed = key._cipher.encrypt(nonce, value, _place(head, table, row, column))
        return head + nonce + sealed

    def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Decrypt what was sealed for this very place. Raises SealError."""
        end = 2 + (sealed[1] if len(sealed) > 1 else 0)
        head, nonce, ciphertext = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        key = self._by_id.get(head[2:])
        if key is None:
            self.look_again()
            key = self._by_id.get(head[2:])
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES or key is None:
            raise SealError("A sealed value names a sealing key that this site does not have.")
        try:
            return key._cipher.decrypt(nonce, ciphertext, _place(head, table, row, column))
        except InvalidTag as error:
            raise SealError("A sealed value does not open: it was changed, moved, or sealed elsewhere.") from error

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose: for as long as this process lives the same, as in all that it forks."""
        return self._first.derive(purpose)

    def fingerprint(self, value: bytes) -> str:
        """Return 16 hex digits that are equal for equal secrets and tell nothing without the key."""
        return _fingerprint(self.keys[0], value)

    def fingerprints(self, value: bytes) -> list[str]:
        """Return the fingerprints that a secret has, or had while another of the keys was the first."""
        return [_fingerprint(key, value) for key in self.keys]


def key_id_of(sealed: bytes) -> str:
    """Return the id of the key with which a value says that it was sealed; "" where it says none."""
    found = sealed[2 : 2 + sealed[1]].decode("ascii", "replace") if len(sealed) > 1 else ""
    return found if _KEY_ID.fullmatch(found) else ""


def _fingerprint(key: SealingKey, value: bytes) -> str:
    return hmac.digest(key.derive("fingerprint"), value, "sha256").hex()[:16]


def _place(head: bytes, table: str, row: str, column: str) -> bytes:
    return head + "\x00".join((table, row, column)).encode()
