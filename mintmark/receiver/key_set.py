"""A key set as relying parties keep it (RFC 7517 §5): read from one address, kept a while, read again for a new key.

Rule: the address is the party's own. What a token says of where its key is (`jku`, `x5u`) is never looked at
(RFC 8725 §3.10).
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from mintmark import keypairs
from mintmark.errors import KeyUnusable, MintmarkError
from mintmark.tokens import Verifier

KEEP_SECONDS = 300
PAUSE_SECONDS = 2  # Between two readings: tokens with made-up key ids do not make us ask without end.
TIMEOUT_SECONDS = 3
MAX_BYTES = 256 * 1024


class KeySetUnread(MintmarkError):
    """The key set cannot be read at this moment."""

    code = "key_set_unread"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Follow nothing: the keys are at the address that was given, or nowhere."""


# No proxy of the environment stands between this machine and itself.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


class KeySet:
    """The keys at an address."""

    def __init__(self, url: str, algorithm: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url, self._algorithm, self._monotonic = url, algorithm, monotonic
        self._lock = threading.Lock()
        self._keys: dict[str, Verifier] = {}
        self._read_at: float | None = None  # when it was read well
        self._tried_at: float | None = None

    def find(self, key_id: str | None) -> tuple[str, Verifier] | None:
        """Return a key of this id, and the id; without an id the only key there is. Raises KeySetUnread."""
        with self._lock:
            if self._age(self._read_at) > KEEP_SECONDS:
                self._read()
            found = self._pick(key_id)
            # An id that is not known may be that of a key that was published since.
            if found is None and self._age(self._tried_at) > PAUSE_SECONDS:
                self._read()
                found = self._pick(key_id)
            return found

    def _pick(self, key_id: str | None) -> tuple[str, Verifier] | None:
        if key_id is None:
            return next(iter(self._keys.items())) if len(self._keys) == 1 else None
        return (key_id, self._keys[key_id]) if key_id in self._keys else None

    def _age(self, at: float | None) -> float:
        return float("inf") if at is None else self._monotonic() - at

    def _read(self) -> None:
        self._tried_at = self._monotonic()
        try:
            with _opener.open(self._url, timeout=TIMEOUT_SECONDS) as answer:
                body = answer.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
            self._keys = _keys_of(json.loads(body), self._algorithm)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, KeyUnusable):
            raise KeySetUnread(f"The key set at {self._url} cannot be read at this moment.") from None
        self._read_at = self._tried_at


def _keys_of(document: Any, algorithm: str) -> dict[str, Verifier]:
    """Return the keys that verify with this algorithm; the rest of a set is others' (RFC 7517 §5)."""
    return {
        str(members["kid"]): Verifier(algorithm, keypairs.public_key_of(members))
        for members in document["keys"]
        if members.get("alg") == algorithm and members.get("use", "sig") == "sig" and "kid" in members
    }
