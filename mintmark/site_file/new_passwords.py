"""The passwords of an import, worked on before its transaction begins: each takes a tenth of a second.

Rule: a password that a person has already is no change; which ones those are is remembered,
for the plan is made twice.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from mintmark.passwords import hash_password, matches

_AT_ONCE = 2  # as many as mintmark.passwords lets through


class NewPasswords:
    """Hashes by the key of their person."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}
        self._matched: dict[tuple[str, str], bool] = {}

    def is_present(self, key: str, password: str, password_hash: str | None) -> bool:
        """Tell whether this is the password that the person has."""
        if password_hash is None:
            return False
        if (key, password_hash) not in self._matched:
            self._matched[key, password_hash] = matches(password_hash, password)
        return self._matched[key, password_hash]

    def work_out(self, passwords: Iterable[tuple[str, str]]) -> None:
        """Hash passwords, given as (key, password)."""
        waiting = [(key, password) for key, password in passwords if key not in self._hashes]
        if waiting:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                hashes = pool.map(hash_password, [password for _, password in waiting])
                self._hashes.update(zip([key for key, _ in waiting], hashes, strict=True))

    def hash_of(self, key: str, password: str) -> str:
        """Return the hash of a person's new password."""
        self.work_out([(key, password)])
        return self._hashes[key]
