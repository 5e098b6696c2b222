"""Limits: sign-in attempts, counted in the database or Redis, and the fuse of the token endpoint.

All are sliding windows: what was counted in the window before weighs as much as its share
that is still within reach. Nobody is locked out for ever: when the window has passed, one
may try again. Keys of attempts are keyed hashes, for people type passwords into the wrong field.
"""

import hmac
import ipaddress
import threading
import time
from functools import cached_property
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite

from mintmark.config import Limit
from mintmark.models import Attempt, db

_COOL_DOWN_SECONDS = 5.0
_MAX_KEPT = 100_000


class NotShared(Exception):
    """No Redis counts at this moment."""


class Fuse:
    """Counts in Redis where there is one, else in the memory of this process.

    While Redis is out of reach it counts here, and asks again after five seconds.
    """

    def __init__(self, redis_url: str | None) -> None:
        self._redis_url = redis_url
        self._here = _Counts()
        self._asks_shared_after = 0.0

    @cached_property
    def _shared(self) -> Any:
        """The limiter of the library that knows Redis, imported where there is one."""
        from limits.storage import storage_from_string
        from limits.strategies import SlidingWindowCounterRateLimiter

        options: Any = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25, "wrap_exceptions": True}
        return SlidingWindowCounterRateLimiter(storage_from_string(str(self._redis_url), **options))

    def hit(self, limit: Limit, *key: str, now: float) -> int | None:
        """Count once; return None, or over the limit the seconds to wait."""
        try:
            return self.hit_shared(limit, *key)
        except NotShared:
            return self._here.hit(limit, key, now)

    def hit_shared(self, limit: Limit, *key: str) -> int | None:
        """Count once in Redis. Raises NotShared where there is none, or it does not answer."""
        if self._redis_url is None or time.monotonic() < self._asks_shared_after:
            raise NotShared
        from limits import RateLimitItemPerSecond
        from limits.errors import StorageError

        item = RateLimitItemPerSecond(limit.amount, limit.seconds, namespace="mintmark")
        try:
            if self._shared.hit(item, *key):
                return None
            return max(1, int(self._shared.get_window_stats(item, *key).reset_time - time.time()) + 1)
        except StorageError as error:
            self._asks_shared_after = time.monotonic() + _COOL_DOWN_SECONDS
            raise NotShared from error


class _Counts:
    """Sliding windows in memory, in bounds; unlike the library's they need no thread to forget."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, ...], tuple[int, int, int]] = {}
        self._lock = threading.Lock()

    def hit(self, limit: Limit, key: tuple[str, ...], now: float) -> int | None:
        window_at = int(now) // limit.seconds * limit.seconds
        with self._lock:
            started_at, amount, before = self._windows.get(key, (window_at, 0, 0))
            if started_at != window_at:
                amount, before = 0, amount if started_at == window_at - limit.seconds else 0
            wait = _wait(limit, amount + 1, before, window_at, now)
            self._windows[key] = (window_at, amount + (wait is None), before)
            if len(self._windows) > _MAX_KEPT:
                self._forget(window_at - limit.seconds)
        return wait

    def _forget(self, before: int) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] >= before}
        if len(self._windows) > _MAX_KEPT:
            self._windows.clear()  # A fuse that forgets lets through; one that fills the memory stops the site.


def _wait(limit: Limit, amount: int, before: int, window_at: int, now: float) -> int | None:
    """Return the seconds to wait, or None: `before` weighs as much as its share that is still within reach.

    `amount` counts this attempt; those that were refused do not count.
    """
    passed = (now - window_at) / limit.seconds
    if amount + before * (1 - passed) <= limit.amount:
        return None
    if amount <= limit.amount:
        share = 1 - (limit.amount - amount) / before  # Of this window, until what was before weighs little enough.
    else:
        share = 1 + 1 / limit.amount  # The whole window, and so much of the next one.
    return max(1, int(window_at + share * limit.seconds - now) + 1)


def attempt_keys(username_key: str, address: str | None, secret: bytes) -> list[str]:
    """Return what a sign-in is counted under, in this order: the address (of IPv6 its /64), and the account.

    Who is over the limit of the address counts for no account: one address locks nobody out.
    """
    place = _without_port(address or "none")
    try:
        parsed = ipaddress.ip_address(place)
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        place = str(parsed if parsed.version == 4 else ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    except ValueError:
        pass
    texts = ("address:" + place, "account:" + username_key)
    return [hmac.digest(secret, text.encode("utf-8", "replace"), "sha256").hex()[:32] for text in texts]


def _without_port(address: str) -> str:
    """Some proxies write the port of the client beside its address."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def count_attempt(keys: list[str], limit: Limit, *, now: float) -> int | None:
    """Count a sign-in attempt in the database, under each key until one is over; return None, or seconds to wait."""
    window_at = int(now) // limit.seconds * limit.seconds
    db.session.execute(delete(Attempt).where(Attempt.window_at < window_at - limit.seconds))
    waits = (_count_one(key, limit, window_at, now) for key in keys)
    return next((wait for wait in waits if wait is not None), None)


def _count_one(key: str, limit: Limit, window_at: int, now: float) -> int | None:
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(Attempt).values(key=key, window_at=window_at, amount=1)
    counted = statement.on_conflict_do_update(
        index_elements=["key", "window_at"],
        set_={"amount": Attempt.amount + 1},
    ).returning(Attempt.amount)
    amount = db.session.execute(counted).scalar_one()
    before = db.session.get(Attempt, (key, window_at - limit.seconds))
    wait = _wait(limit, amount, before.amount if before else 0, window_at, now)
    if wait is not None:  # What is refused does not count, or one who tries on would wait on.
        this = (Attempt.key == key) & (Attempt.window_at == window_at)
        db.session.execute(update(Attempt).where(this).values(amount=Attempt.amount - 1))
    return wait
