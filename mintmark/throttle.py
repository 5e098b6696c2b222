"""Limits: sign-in attempts, counted in the database or Redis, and the fuse of the token endpoint.

All are sliding windows: what was counted in the window before weighs as much as its share
that is still within reach. Nobody is locked out for ever: when the window has passed, one
may try again. Keys of attempts are keyed hashes, for people type passwords into the wrong field.
"""

import hmac
import ipaddress
import time
from functools import cached_property
from typing import Any

import limits
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from mintmark.config import Limit
from mintmark.models import Attempt, db

_COOL_DOWN_SECONDS = 5.0


class Fuse:
    """Counts in Redis where there is one, else in the memory of this process.

    While Redis is out of reach it counts here, and asks again after five seconds.
    """

    def __init__(self, redis_url: str | None) -> None:
        self._redis_url = redis_url
        self._asks_shared_after = 0.0

    @cached_property
    def _here(self) -> SlidingWindowCounterRateLimiter:
        # Made when first hit, in the worker: it starts a thread, and threads do not outlive a fork.
        return SlidingWindowCounterRateLimiter(MemoryStorage())

    @cached_property
    def _shared(self) -> SlidingWindowCounterRateLimiter | None:
        if not self._redis_url:
            return None
        options: Any = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
        return SlidingWindowCounterRateLimiter(storage_from_string(self._redis_url, wrap_exceptions=True, **options))

    @property
    def is_shared(self) -> bool:
        """Tell whether Redis counts at this moment."""
        return self._redis_url is not None and time.monotonic() >= self._asks_shared_after

    def hit(self, limit: Limit, *key: str) -> int | None:
        """Count once; return None, or over the limit the seconds to wait."""
        item = limits.RateLimitItemPerSecond(limit.amount, limit.seconds, namespace="mintmark")
        if self._shared is not None and self.is_shared:
            try:
                return _hit(self._shared, item, key)
            except limits.errors.StorageError:
                self._asks_shared_after = time.monotonic() + _COOL_DOWN_SECONDS
        return _hit(self._here, item, key)


def _hit(limiter: SlidingWindowCounterRateLimiter, item: limits.RateLimitItem, key: tuple[str, ...]) -> int | None:
    if limiter.hit(item, *key):
        return None
    return max(1, int(limiter.get_window_stats(item, *key).reset_time - time.time()) + 1)


def attempt_keys(username_key: str, address: str | None, secret: bytes) -> list[str]:
    """Return what a sign-in is counted under: the account, and the address (of IPv6 its /64)."""
    place = address or "none"
    try:
        parsed = ipaddress.ip_address(place)
        if parsed.version == 6:
            place = str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    except ValueError:
        pass
    texts = ("account:" + username_key, "address:" + place)
    return [hmac.digest(secret, text.encode("utf-8", "replace"), "sha256").hex()[:32] for text in texts]


def count_attempt(keys: list[str], limit: Limit, *, now: float) -> int | None:
    """Count a sign-in attempt under each key, in the database; return None, or the seconds to wait."""
    window_at = int(now) // limit.seconds * limit.seconds
    db.session.execute(delete(Attempt).where(Attempt.window_at < window_at - limit.seconds))
    waits = [_count_one(key, limit, window_at, now) for key in keys]
    return max((wait for wait in waits if wait is not None), default=None)


def _count_one(key: str, limit: Limit, window_at: int, now: float) -> int | None:
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(Attempt).values(key=key, window_at=window_at, amount=1)
    counted = statement.on_conflict_do_update(
        index_elements=["key", "window_at"], set_={"amount": Attempt.amount + 1}
    ).returning(Attempt.amount)
    amount = db.session.execute(counted).scalar_one()
    before = db.session.get(Attempt, (key, window_at - limit.seconds))
    passed = (now - window_at) / limit.seconds
    if amount + (before.amount if before else 0) * (1 - passed) <= limit.amount:
        return None
    return max(1, int(window_at + limit.seconds - now) + 1)
