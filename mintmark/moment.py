"""Moments: Unix seconds as a float where one is taken, whole seconds where one is kept.

The moment is taken once, by whoever answers a request or runs a command, and passed in
as `now`; nothing below reads a clock.
"""

from datetime import UTC, datetime


def iso(moment: float) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds, as the log export shows it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
