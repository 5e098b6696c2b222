"""The formats that a text may be asked to have: a fixed few, each a function of ours.

Rule: what shows as nothing, or as something else, is in none of them; and never stricter than the parties are.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import urlsplit

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# What Matrix takes of new people (specification, “User Identifiers”); Synapse keeps `_` first to itself.
_LOCALPART = re.compile(r"[a-z0-9.=\-/+][a-z0-9._=\-/+]*", re.ASCII)
_IN_NO_EMAIL = frozenset('"(),:;<>[\\]')  # RFC 5322 §3.2.3; several addresses are none.
_IN_NO_ADDRESS = frozenset('"<>\\`')  # RFC 3986 appendix C.
# RFC 7622 §3.3.1 and §3.2. What servers would fold into another one (capitals, wide letters) is none.
_JID = re.compile(
    r"[!#$%()*+,\-.0-9;=?\[\\\]^_`a-z{|}~]{1,1023}@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    re.ASCII,
)


def _is_email(text: str) -> bool:
    """One `@` with something on both sides, and nothing that is not seen: what every party agrees on."""
    local, at, domain = text.partition("@")
    if not (local and at and domain) or "@" in domain or not _IN_NO_EMAIL.isdisjoint(text):
        return False
    return not any(unicodedata.category(each)[0] in "CZ" for each in text)


def _is_address(text: str) -> bool:
    """A parser forgives line ends and tabs, and leaves them out; the party may not."""
    if not all("!" <= each <= "~" for each in text) or not _IN_NO_ADDRESS.isdisjoint(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity, which RFC 8259 §6 does not know.


# name → what tells whether a text has it, and how that is said.
FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "email": (_is_email, "an e-mail address"),
    "uuid": (lambda text: _UUID.fullmatch(text) is not None, "a UUID in lower case"),
    "address": (_is_address, "a web address"),
    "json": (_is_json, "JSON, as text"),
    "localpart": (
        lambda text: _LOCALPART.fullmatch(text) is not None,
        "text of a–z, 0–9 and . _ = - / + only, without _ first",
    ),
    "jid": (lambda text: _JID.fullmatch(text) is not None, "an XMPP address (name@host, ASCII, in lower case)"),
}
