"""Moments and durations: Unix seconds as a float where one is taken, whole seconds where one is kept.

The moment is taken once, by whoever answers a request or runs a command, and passed in
as `now`; nothing below reads a clock.
"""

from datetime import UTC, datetime

_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # 0001-01-01T00:00:00Z, 9999-12-31T23:59:59Z
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
    """Return a moment as RFC 3339 in UTC with milliseconds, as the log export shows it.

    One that has no such spelling is shown as the nearest that has: no page fails for what is kept.
    """
    text = datetime.fromtimestamp(min(max(moment, _FIRST), _LAST), UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
