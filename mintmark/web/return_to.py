"""Where somebody goes whom a token signed in: a page of ours, rebuilt, or an origin that the issuer lists.

Rule: never to a given string (ASVS 3.7.2; CWE-601). What is neither is refused, and the token is not spent: an address
that was forged together with a good link must not lead anywhere.
"""

import re
from collections.abc import Set
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

from flask import request, url_for

from mintmark.issuers.refusals import BAD_REQUEST, TokenRefused
from mintmark.web import get_mint
from mintmark.web.next_page import HOME, find_page
from mintmark.web.origins import own_origin

_MAX = 2_000
# What browsers read as urllib does: visible ASCII without the characters that they mend (WHATWG URL §4.4).
_PLAIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?#][!#-;=?-\[\]_a-z~]*)?", re.ASCII)


def resolve(asked: Any, claimed: Any, begun: str | None, *, origins: Set[str]) -> str:
    """Return the address: what the request says, else the token, else where the person began. Raises TokenRefused.

    None is nothing said. `begun` is an address of ours that was rebuilt before.
    """
    said = asked if asked is not None else claimed
    if said is None:
        return begun or url_for(HOME)
    if not isinstance(said, str) or not said or len(said) > _MAX:
        _refuse()
    return _page(said) if said.startswith("/") else _absolute(said, origins)


def origin_of(address: str) -> str | None:
    """Return the origin of an address that `resolve` gave; None for a page of ours."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


def _absolute(said: str, origins: Set[str]) -> str:
    if not _PLAIN.fullmatch(said):
        _refuse()
    try:
        parts = urlsplit(said)
    except ValueError:
        _refuse()
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin == own_origin(request, get_mint().settings) and _is_of_this_site(parts.path):
        return _page(urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment)))
    if origin not in origins:
        _refuse()
    return urlunsplit(parts)


def _is_of_this_site(path: str) -> bool:
    """Tell whether a path of our origin is of this site: where it has a path, others stand beside it."""
    return not request.script_root or f"{path}/".startswith(f"{request.script_root}/")


def _page(said: str) -> str:
    is_root = bool(request.script_root) and said == request.script_root
    return url_for(HOME) if is_root else find_page(said) or _refuse()


def _refuse() -> NoReturn:
    raise TokenRefused(
        BAD_REQUEST, "return_to", "where to go on is no page of this site, nor an origin of the issuer’s list"
    )
