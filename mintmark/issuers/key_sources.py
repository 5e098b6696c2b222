"""By which one way the keys of a trusted issuer come here: a secret, public keys, a key set at an address, discovery.

Rule: an address is looked at when it is entered as it is at every fetch (mintmark/outbound/fetching.py).
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mintmark.errors import FieldError
from mintmark.fields import read_text
from mintmark.listed_origins import read_origin
from mintmark.outbound import discovery, fetching
from mintmark.tokens import SECRET_ALGORITHMS

_MAX_ADDRESS = 2_000
_ADDRESS = re.compile(r"[!-~]+", re.ASCII)  # RFC 3986 §2: the rest is escaped.
SECRET, PUBLIC_KEYS, KEY_SET, DISCOVERED = "secret", "public_keys", "jwks_url", "discover"


def way_of(definition: Mapping[str, Any]) -> str:
    """Return by which way the keys come: one of the four words of this module."""
    if definition["algorithm"] in SECRET_ALGORITHMS:
        return SECRET
    if definition["jwks_url"] is not None:
        return KEY_SET
    return DISCOVERED if definition["discover"] else PUBLIC_KEYS


def see_keys(found: Mapping[str, Any], *, fetch_also: frozenset[str]) -> list[tuple[str, str]]:
    """Return what is wrong with the way to the keys, of the fields that were read."""
    problems = []
    algorithm, jwks_url, discover = found.get("algorithm"), found.get("jwks_url"), found.get("discover", False)
    if algorithm in SECRET_ALGORITHMS:
        words = f"is not for {algorithm}, which takes a secret"
        problems += [(field, words) for field, is_set in (("jwks_url", jwks_url), ("discover", discover)) if is_set]
    elif jwks_url and discover:
        problems.append(("discover", "stands beside jwks_url; an issuer takes one way to its keys"))
    if discover and "issuer" in found:
        try:
            _see_discovered(found["issuer"], fetch_also)
        except FieldError as error:
            problems.append(("discover", str(error)))
    return problems


def _see_discovered(issuer: str, fetch_also: frozenset[str]) -> None:
    if not issuer.startswith(("https://", "http://")):
        raise FieldError("needs an issuer that is an address: https://…", "discover")
    try:
        fetching.see_address(discovery.address_of(issuer), fetch_also=fetch_also, field="discover")
    except FieldError as error:
        raise FieldError(f"the address that follows from the issuer {error}", "discover") from None


def read_jwks_url(value: Any, *, site_url: str, fetch_also: frozenset[str]) -> str | None:
    """Return the address of a key set, or None. Raises FieldError."""
    if value is None:
        return None
    address = _address(value, "jwks_url")
    if (address + "/").startswith(site_url.rstrip("/") + "/"):
        raise FieldError("is on this site: a token that this site signed signs nobody in here", "jwks_url")
    fetching.see_address(address, fetch_also=fetch_also, field="jwks_url")
    return address


def read_start_url(value: Any) -> str | None:
    """Return where a person begins to sign in by this issuer, or None. Raises FieldError."""
    if value is None:
        return None
    address = _address(value, "start_url")
    parts = urlsplit(address)
    read_origin(f"{parts.scheme}://{parts.netloc}", "start_url")
    if parts.fragment:
        raise FieldError("has a part behind “#”, which no site gets to see", "start_url")
    return address


def _address(value: Any, field: str) -> str:
    text = read_text(value, field, longest=_MAX_ADDRESS)
    try:
        is_address = _ADDRESS.fullmatch(text) is not None and bool(urlsplit(text).hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise FieldError("takes a whole address: https://host/path, what is no ASCII escaped", field)
    return text
