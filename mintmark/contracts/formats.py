"""The formats that a text may be asked to have: a fixed few, each a function of ours."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LOCALPART = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._=-/+")


def _is_email(text: str) -> bool:
    """One `@` with something on both sides, and no white space: what every party agrees on."""
    local, at, domain = text.partition("@")
    return bool(local and at and domain) and "@" not in domain and not any(each.isspace() for each in text)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and text.isascii() and " " not in text
    except ValueError:
        return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


# name → what tells whether a text has it, and how that is said.
FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "email": (_is_email, "an e-mail address"),
    "uuid": (lambda text: _UUID.fullmatch(text) is not None, "a UUID in lower case"),
    "address": (_is_address, "a web address"),
    "json": (_is_json, "JSON, as text"),
    "localpart": (
        lambda text: bool(text) and _LOCALPART.issuperset(text),
        "text of a–z, 0–9 and . _ = - / + only",
    ),
}
