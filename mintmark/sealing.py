"""Encryption at rest: the one place where secrets are sealed and opened.

AES-256-GCM with a random 96-bit nonce (fewer than 2^32 seals per key, NIST SP 800-38D §8.3).
A sealed value is `version ‖ length of key id ‖ key id ‖ nonce ‖ ciphertext`, and is bound to
its table, row and column: moved anywhere else it does not open. Keys are ordered: the first
seals, all open, so that rotating is adding a key in front.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
from collections.abc import Iterable

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


class Sealer:
    """Seals with the first key, opens with any of them."""

    def __init__(self, keys: Iterable[SealingKey]) -> None:
        self.keys = list(keys)
        self._by_id = {key.key_id.encode(): key for key in self.keys}
        if not self.keys or len(self._by_id) != len(self.keys):
            raise ConfigurationError("At least one sealing key is needed, each with an id of its own.")

    def __repr__(self) -> str:
        return f"<Sealer {', '.join(key.key_id for key in self.keys)}>"

    def seal(self, value: bytes, *, table: str, row: str, column: str) -> bytes:
        """Encrypt `value` for one place in the database."""
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
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES or key is None:
            raise SealError("A sealed value names a sealing key that this site does not have.")
        try:
            return key._cipher.decrypt(nonce, ciphertext, _place(head, table, row, column))
        except InvalidTag as error:
            raise SealError("A sealed value does not open: it was changed, moved, or sealed elsewhere.") from error

    def fingerprint(self, value: bytes) -> str:
        """Return 16 hex digits that are equal for equal secrets and tell nothing without the key."""
        return hmac.digest(self.keys[0].derive("fingerprint"), value, "sha256").hex()[:16]


def _place(head: bytes, table: str, row: str, column: str) -> bytes:
    return head + "\x00".join((table, row, column)).encode()
