"""A moment as a field of a form: UTC, to the minute or the second, as browsers and this site write it."""

import re
from datetime import UTC, datetime

from mintmark.errors import FieldError
from mintmark.moment import iso

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:Z| UTC)?", re.ASCII)


def read_moment_entered(text: str, field: str) -> int:
    """Return a typed moment in whole seconds. Raises FieldError."""
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        return int(datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        raise FieldError("takes a moment in UTC such as 2027-01-15 08:00", field) from None


def moment_typed(at: int | None) -> str:
    """Return a moment as the field shows it."""
    return "" if at is None else iso(at)[:19]


def moment_in_words(at: int) -> str:
    """Return a moment as pages write it, for what is said of an act."""
    return f"{iso(at)[:19].replace('T', ' ')} UTC"
