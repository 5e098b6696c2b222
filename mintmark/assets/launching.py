"""Launching: where a browser is sent with a token, and what of its request goes along.

Rule: pure, and closed by default. The target is the asset's, or a whole address that the asset lists, letter for
letter (RFC 9700 §2.1); what is passed on was declared by name, and leads nowhere but to what is listed (CWE-601).
What could be read in two ways is refused, not repaired. Addresses are put together by urllib alone.

    destination = read_destination(launch, [("return_to", "/hc/en-us")])   # raises BadParameters
    destination.address(token)                                             # by query, by fragment
    destination.action, destination.name                                   # by post
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mintmark.assets.launch_field import is_origin, origin_of
from mintmark.errors import BadParameters

MAX_CHARACTERS = 1_000
TARGET = "redirect_uri"
# Nobody navigates to these two: what goes out comes back to whoever made it up (RFC 6749 appendix A.5).
_OPAQUE = frozenset({"state", "nonce"})
_PRINTABLE = re.compile(r"[ -~]+", re.ASCII)
# Names whose value is an address, also where it looks like none: `evil.test` would be one to a careless reader.
_LEADS = re.compile(r"(.*_)?(return|redirect|next|goto|continue).*|.*ur[il]", re.IGNORECASE)
# No dot: names by which parties lead on are many (RelayState, service, target, …), and a host without one is rare.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_~,+= -]*", re.ASCII)
_BEHIND_HOST = re.compile(
    r"(?P<path>(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?(#[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_DOTS = re.compile(r"/\.{1,2}(/|$)")
# In a path: a dot, slash, backslash or percent sign in disguise. Anywhere: a control character, half an escape.
_DISGUISED = re.compile(r"%(2e|2f|5c|25)", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%([01][0-9a-f]|7f|(?![0-9a-f]{2}))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one request is sent: the way, the target, the token's name there, and what goes along."""

    by: str
    url: str
    name: str
    passed: tuple[tuple[str, str], ...]

    def address(self, token: str) -> str:
        """Return the address that carries the token: in its query, or in its fragment with what goes along.

        It always has a fragment, if an empty one: a Location without any takes on that of the launch address, with
        which anybody's link could hand on to the party what the asset does not declare (RFC 9110 §10.2.2).
        """
        pairs = (*self.passed, (self.name, token))
        return _with_query(self.url, pairs) + "#" if self.by == "query" else f"{self.url}#{_encoded(pairs)}"

    @property
    def action(self) -> str:
        """Return where the form that carries the token is sent."""
        return _with_query(self.url, self.passed)

    @property
    def host(self) -> str:
        """Return host and port, to be shown."""
        return urlsplit(self.url).netloc


def names_of(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that a launch of this asset takes; every other one is dropped."""
    launch = definition.get("launch") or {"pass": ()}
    return frozenset({*launch["pass"], *(param["name"] for param in definition["params"])})


def read_destination(launch: Mapping[str, Any], given: Iterable[tuple[str, str]]) -> Destination:
    """Return where a request with these parameters is sent. Raises BadParameters."""
    values: dict[str, str] = {}
    for name, value in given:
        if name not in launch["pass"]:
            continue
        if name in values:
            raise BadParameters(f"{name} is given twice.")
        values[name] = value
    values = {name: value for name, value in values.items() if value}  # Left empty is not given.
    target = values.pop(TARGET, None)
    for name, value in values.items():
        _see_value(name, value, launch["return_to"])
    passed = tuple((name, values[name]) for name in launch["pass"] if name in values)
    return Destination(launch["by"], _target(launch, target), launch["name"], passed)


def _target(launch: Mapping[str, Any], wanted: str | None) -> str:
    whole = [launch["url"], *(each for each in launch["return_to"] if not is_origin(each))]
    if wanted is not None and wanted not in whole:
        raise BadParameters(f"{TARGET} is none of the addresses that this asset lists, letter for letter.")
    return wanted or str(launch["url"])


def _see_value(name: str, value: str, listed: Iterable[str]) -> None:
    if len(value) > MAX_CHARACTERS or not _PRINTABLE.fullmatch(value):
        raise BadParameters(f"{name} takes at most {MAX_CHARACTERS:,} printable ASCII characters.")
    is_text = name in _OPAQUE or (_PLAIN.fullmatch(value) and not _LEADS.fullmatch(name))
    if not (is_text or value in listed or _is_path(value) or _is_listed(value, listed)):
        raise BadParameters(f"{name} leads nowhere that this asset lists.")


def _is_path(value: str) -> bool:
    return value.startswith("/") and "//" not in value and _is_plain_behind_host(value)


def _is_listed(value: str, listed: Iterable[str]) -> bool:
    origin = origin_of(value)
    if origin is None or origin not in {origin_of(each) for each in listed if is_origin(each)}:
        return False
    _, _, rest = value.partition("://")
    behind = re.search(r"[/?#].*", rest)
    return behind is None or _is_plain_behind_host(behind[0])


def _is_plain_behind_host(text: str) -> bool:
    found = _BEHIND_HOST.fullmatch(text)
    if found is None or _BAD_ESCAPE.search(text):
        return False
    path = found["path"]
    return "//" not in path and not _DISGUISED.search(path) and not _DOTS.search(path)


def _with_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    added = _encoded(pairs)
    if not added:
        return url
    return urlsplit(url)._replace(query="&".join(filter(None, (urlsplit(url).query, added)))).geturl()


def _encoded(pairs: Iterable[tuple[str, str]]) -> str:
    return urlencode([*pairs], quote_via=quote)
