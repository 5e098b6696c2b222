"""What a request to sign in by a token carries: exactly one token, by one way, from where it may come.

Rule: two tokens are none, for nobody can tell which was meant (RFC 6750 §2, ASVS 15.3.7). A page comes only to a
browser that goes here with its whole window; what a script or a picture of a page asks for is answered to programs,
to our own pages, and to the origins that an issuer lists.
"""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, NoReturn

from flask import Request

from mintmark.config import Settings
from mintmark.errors import BadParameters
from mintmark.issuers.refusals import BAD_REQUEST, TokenRefused
from mintmark.issuers.rules import BODY, HEADER, QUERY
from mintmark.web.json_body import json_object
from mintmark.web.origins import OriginRefused, see_no_page_asks, see_origin, see_whole_window

_SECOND_CREDENTIALS = re.compile(r",\s*bearer\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Given:
    """One token, not yet looked at, and where its bearer wants to go."""

    token: str
    return_to: Any

    def __repr__(self) -> str:
        return "<Given>"


def transport_of(request: Request) -> str:
    """Return by which way a token comes, where there is one."""
    return BODY if request.method == "POST" else HEADER if _bearer(request) is not None else QUERY


def wants_page(request: Request) -> bool:
    """Tell whether a person looks at the answer: a GET without a Bearer header that asks for `text/html`."""
    names_html = any(name == "text/html" and quality > 0 for name, quality in request.accept_mimetypes)
    return request.method == "GET" and _bearer(request) is None and names_html


def see_sender(request: Request, settings: Settings, listed: Set[str]) -> None:
    """Raises TokenRefused where the request is not one that its sender may make."""
    try:
        if wants_page(request):
            see_whole_window(request, settings)
            return
        see_origin(request, settings, listed)
        if transport_of(request) == QUERY:
            see_no_page_asks(request)
    except OriginRefused as error:
        raise TokenRefused(BAD_REQUEST, "origin", str(error)) from error


def read_given(request: Request) -> Given:
    """Return the one token of a request. Raises TokenRefused."""
    in_query, in_header = request.args.getlist("token"), _bearer(request)
    body = _body(request) if request.method == "POST" else {}
    tokens = [*in_query, *([in_header] if in_header is not None else []), *([body["token"]] if "token" in body else [])]
    if len(tokens) != 1 or (in_header and _SECOND_CREDENTIALS.search(in_header)):
        _refuse("the request carries no token" if not tokens else "the request carries more than one token")
    [token] = tokens
    if request.method == "POST" and "token" not in body:
        _refuse("a POST carries its token in the body")
    if not isinstance(token, str) or not token:
        _refuse("the token is empty, or no text")
    return Given(token, body.get("return_to") if request.method == "POST" else _return_to(request))


def _body(request: Request) -> dict[str, Any]:
    try:
        return json_object(request)
    except BadParameters as error:
        raise TokenRefused(BAD_REQUEST, "request", str(error)) from error


def _return_to(request: Request) -> str | None:
    given = request.args.getlist("return_to")
    if len(given) > 1:
        _refuse("the request says more than once where to go")
    return given[0] if given else None


def _bearer(request: Request) -> str | None:
    """Return what stands after `Bearer`, in any case (RFC 9110 §11.1); another scheme is a proxy's affair."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return rest.lstrip(" ") if scheme.lower() == "bearer" else None


def _refuse(words: str) -> NoReturn:
    raise TokenRefused(BAD_REQUEST, "request", words)
