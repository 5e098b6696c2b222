"""Moments and durations: Unix seconds as a float where one is taken, whole seconds where one is kept.

The moment is taken once, by whoever answers a request or runs a command, and passed in
as `now`; nothing below reads a clock.
"""

from datetime import UTC, datetime

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def duration_in_words(seconds: int) -> str:
    """Say 5400 as “1 hour 30 minutes”."""
    pieces = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            pieces.append(f"{count} {unit}{'s' if count != 1 else ''}")
    return " ".join(pieces) or "0 seconds"


def iso(moment: float) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds, as the log export shows it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
