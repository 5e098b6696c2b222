"""Origins that somebody lists: exactly as browsers send them (RFC 6454 §6.2), each once."""

import re
from typing import Any
from urllib.parse import urlsplit

from mintmark.errors import FieldError
from mintmark.fields import read_list, read_text

_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]", re.ASCII
)


def read_origin(value: Any, field: str = "origins") -> str:
    """Return an origin exactly as browsers send it (RFC 6454 §6.2). Raises FieldError."""
    text = read_text(value, field)
    try:
        parts = urlsplit(text) if re.fullmatch(r"https?://[^/?#@\\\s]+", text) else None
        is_good = (
            parts is not None
            and _HOST.fullmatch(parts.netloc.rpartition(":")[0] if parts.port else parts.netloc) is not None
            and (parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1"))
            and parts.port != {"https": 443, "http": 80}[parts.scheme]
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise FieldError(
            f"“{text[:80]}” is not exactly https://host or https://host:port in lower case, without the usual port"
            " (http only for localhost and 127.0.0.1)",
            field,
        )
    return text


def read_origins(value: Any, field: str, *, most: int) -> list[str]:
    """Return a list of origins. Raises FieldError."""
    origins = [read_origin(item, field) for item in read_list(value, field, most=most)]
    if len(set(origins)) != len(origins):
        raise FieldError("names an origin twice", field)
    return origins
