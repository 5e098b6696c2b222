"""The field `launch` of an asset: where the browser is sent with a token, how, and what it may take along.

Rule: where a token goes is written here by an administrator and by nobody else. `return_to` lists what an
address in a request may be: an origin (any address there), or one whole address. A host is spelled as
browsers spell it, so that no two readers of an address see two hosts in it (RFC 3986 §3.2.2; CWE-601).
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
_NAME_IN_HOST = "[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?"
_ORIGIN = rf"(?P<origin>https?://{_NAME_IN_HOST}(\.{_NAME_IN_HOST})*(:[1-9][0-9]{{0,4}})?)"
_ADDRESS = re.compile(rf"{_ORIGIN}([/?][A-Za-z0-9._~:/?&=%@,;+$!*'()\[\]-]*)?", re.ASCII)
_STARTS = re.compile(rf"{_ORIGIN}(?=[/?#]|$)", re.ASCII)
_LOCAL = re.compile(r"http://(localhost|127\.0\.0\.1)(:[0-9]+)?", re.ASCII)
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
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
    origin = origin_of(text) if _ADDRESS.fullmatch(text) else None
    if origin and (origin.startswith("https://") or _LOCAL.fullmatch(origin)):
        return text
    raise FieldError(
        f"“{text[:80]}” is no address that begins with https:// (http:// for localhost and 127.0.0.1 only),"
        " without # and without a name before @",
        "launch",
    )


def origin_of(address: str) -> str | None:
    """Return the origin of an address as browsers write it (RFC 6454 §6.2), or None where it has no plain one."""
    found = _STARTS.match(address)
    if not found:
        return None
    origin = found["origin"].lower()
    scheme, _, *port = origin.split(":")
    if port and int(port[0]) > 65_535:
        return None
    return origin.removesuffix(_DEFAULT_PORTS[scheme])


def is_origin(address: str) -> bool:
    """Tell an origin from a whole address: nothing stands behind the host."""
    found = _STARTS.match(address)
    return found is not None and found.end() == len(address)


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
    addresses = [launch["url"]]
    if "redirect_uri" in launch["pass"]:  # Then the token may go there too.
        addresses += [each for each in launch["return_to"] if not is_origin(each)]
    standing = {name for each in addresses for name, _ in parse_qsl(urlsplit(each).query, keep_blank_values=True)}
    if clash := (standing | {launch["name"]}) & set(launch["pass"]):
        raise FieldError(
            f"“{sorted(clash)[0]}” is passed on, and stands in the address or is the token’s name", "launch"
        )
    if launch["by"] == "query" and launch["name"] in standing:
        raise FieldError(f"“{launch['name']}” is the token’s name, and stands in the address already", "launch")
