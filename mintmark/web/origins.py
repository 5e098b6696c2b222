"""Origins: which requests are ours, which come from a listed origin, and which are refused.

The one file that decides it, for the token endpoint and for every form. Browsers say where a
request comes from in `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454); where neither
is sent, `Referer` decides, and with none of them (curl) there is no browser to be tricked.
"""

from collections.abc import Set
from urllib.parse import urlsplit

from flask import Request

from mintmark.config import Settings
from mintmark.errors import MintmarkError

# How browsers say, or said, that nobody went here yet.
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


class OriginRefused(MintmarkError):
    """The request comes from a page of another origin that is not listed, or is a prefetch."""

    code = "origin"


def own_origin(request: Request, settings: Settings) -> str:
    """Return the origin under which this request reached the site."""
    parts = urlsplit(settings.base_url or f"http://{request.host}")
    return f"{parts.scheme}://{parts.netloc}"


def see_origin(request: Request, settings: Settings, listed: Set[str] = frozenset()) -> None:
    """Raises OriginRefused unless the request is ours, a listed origin's, or a GET navigation.

    A navigation (somebody followed a link) passes from anywhere: the page that linked
    cannot read what it gives.
    """
    headers, friends = request.headers, {own_origin(request, settings), *listed}
    if _is_ahead_of_time(request):
        raise OriginRefused("A prefetch gets no token.")
    origin, site, referer = headers.get("Origin"), headers.get("Sec-Fetch-Site"), headers.get("Referer")
    if origin is not None and origin not in friends:
        raise OriginRefused("The request comes from an origin that is not listed.")
    if origin in listed or site in ("same-origin", "none"):
        return
    if site is None and (origin is not None or referer is None):
        return
    if _origin_of(referer) in (friends if site is None else listed) or _is_navigation(request):
        return
    raise OriginRefused("The request comes from a page of another origin and is not a navigation.")


def see_navigation(request: Request, settings: Settings) -> None:
    """Raises OriginRefused unless somebody went here: no prefetch, frame, picture or script of any page does.

    On plain http browsers send no `Sec-Fetch-Dest` (Fetch Metadata §2). What they accept tells pictures and style
    sheets from pages there, but neither frames nor scripts: those of the same site, whose requests carry the cookie,
    pass. Only https keeps them out.
    """
    see_origin(request, settings)
    target = request.headers.get("Sec-Fetch-Dest")
    if not (_takes_a_page(request) if target is None else target == "document"):
        raise OriginRefused("The request is not a navigation of the whole page.")


def _is_ahead_of_time(request: Request) -> bool:
    said = " ".join(request.headers.get(name, "") for name in _PURPOSES).lower()
    return any(word in said for word in ("prefetch", "prerender", "preview"))


def _takes_a_page(request: Request) -> bool:
    """Tell whether a page is named among what is accepted, or anything comes first, or nothing is said."""
    ranges = [each.partition(";")[0].strip().lower() for each in request.headers.get("Accept", "").split(",")]
    return ranges[0] in ("", "*/*") or "text/html" in ranges


def _is_navigation(request: Request) -> bool:
    """Only a GET of the address bar or a link; a frame, an object or a form is none."""
    mode, target = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method == "GET" and mode == "navigate" and target == "document"


def _origin_of(address: str | None) -> str | None:
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}"
