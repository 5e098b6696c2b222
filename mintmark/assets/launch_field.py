"""The field `launch` of an asset: where the browser is sent with a token, how, and what it may take along.

Rule: where a token goes is written here by an administrator and by nobody else. `return_to` lists what an
address in a request may be: an origin (any address there), or one whole address.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mintmark.assets.params import PARAM_NAME
from mintmark.errors import FieldError
from mintmark.fields import read_choice, read_list, read_object, read_text

WAYS = ("query", "fragment", "post")
MAX_PASSED, MAX_RETURNS = 8, 20
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?&=%@,;+$!*'()\[\]-]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}", re.ASCII)


def read_launch(value: Any) -> dict[str, Any] | None:
    """Return how to launch, whole, or None. Raises FieldError."""
    if value is None:
        return None
    given = read_object(value, "launch")
    if unknown := set(given) - {"by", "url", "name", "pass", "return_to"}:
        raise FieldError(f"“{sorted(unknown)[0][:40]}” is none of by, url, name, pass, return_to", "launch")
    launch = {
        "by": read_choice(given.get("by"), "launch", WAYS),
        "url": read_address(given.get("url")),
        "name": _name(given.get("name")),
        "pass": [_passed(each) for each in read_list(given.get("pass", []), "launch", most=MAX_PASSED)],
        "return_to": [read_address(each) for each in read_list(given.get("return_to", []), "launch", most=MAX_RETURNS)],
    }
    _check_together(launch)
    return launch


def read_address(value: Any) -> str:
    """Return an https address (http for this machine only) without a fragment. Raises FieldError."""
    text = read_text(value, "launch", longest=1_000)
    if _ADDRESS.fullmatch(text):
        try:
            parts = urlsplit(text)
            is_safe = parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1")
            if is_safe and parts.hostname and "@" not in parts.netloc and parts.port != 0:
                return text
        except ValueError:
            pass
    raise FieldError(
        f"“{text[:80]}” is no address that begins with https:// (http:// for localhost and 127.0.0.1 only),"
        " without # and without a name before @",
        "launch",
    )


def _name(value: Any) -> str:
    name = read_text(value, "launch", longest=60)
    if not _NAME.fullmatch(name):
        raise FieldError("name takes letters, digits and . _ - and starts with a letter", "launch")
    return name


def _passed(value: Any) -> str:
    if not isinstance(value, str) or not PARAM_NAME.fullmatch(value):
        raise FieldError("pass takes names of letters, digits and “_” that start with a letter", "launch")
    return value


def _check_together(launch: Mapping[str, Any]) -> None:
    if len(set(launch["pass"])) != len(launch["pass"]):
        raise FieldError("pass names something twice", "launch")
    taken = {launch["name"], *(name for name, _ in parse_qsl(urlsplit(launch["url"]).query, keep_blank_values=True))}
    if clash := taken & set(launch["pass"]):
        raise FieldError(
            f"“{sorted(clash)[0]}” is passed on, and stands in the address or is the token’s name", "launch"
        )
