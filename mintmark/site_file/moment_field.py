"""Moments in a site file: RFC 3339, as the log and an export write them, in whole seconds."""

import re
from datetime import datetime
from typing import Any

from mintmark.errors import FieldError

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.0{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


def read_moment(value: Any, field: str) -> int:
    """Return a moment (RFC 3339), as the log and an export write it, in whole seconds. Raises FieldError."""
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    try:
        moment = int(datetime.fromisoformat(match[1] + match[2]).timestamp()) if match else -1
    except ValueError:
        moment = -1
    if not 0 <= moment <= _LAST:
        raise FieldError("takes a moment in whole seconds, as 2026-01-31T14:30:00Z", field)
    return moment


def read_optional_moment(value: Any, field: str) -> int | None:
    """Return a moment, or None. Raises FieldError."""
    return None if value is None else read_moment(value, field)
