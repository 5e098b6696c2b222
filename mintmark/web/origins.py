"""Origins: which requests are ours, which come from a listed origin, and which are refused.

The one file that decides it, for the token endpoint and for every form. Browsers say where a
request comes from in `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454); where neither
is sent, `Referer` decides, and with none of them (curl) there is no browser to be tricked.
"""

from collections.abc import Mapping, Set
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from mintmark.config import Settings
from mintmark.errors import MintmarkError

# How browsers say, or said, that nobody went here yet.
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
# All that says where a request comes from; programs send none of it.
_SAYINGS = frozenset(
    "HTTP_" + name.upper().replace("-", "_") for name in ("Origin", "Sec-Fetch-Site", "Referer", *_PURPOSES)
)


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
    if not says_where_from(request.environ):
        return
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


def says_where_from(environ: Mapping[str, Any]) -> bool:
    """Tell whether a request says anything of where it comes from: programs do not."""
    return not _SAYINGS.isdisjoint(environ)


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


def see_whole_window(request: Request, settings: Settings) -> None:
    """Raises OriginRefused unless somebody may have gone here with a whole window, from wherever.

    Less than `see_navigation`: on plain http, where browsers do not say what a request is for, a link of another site
    passes too. Who calls this asks before anything is done.
    """
    if _is_ahead_of_time(request):
        raise OriginRefused("A prefetch signs nobody in.")
    mode, target = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    if _says_metadata(request):
        is_navigation = mode in (None, "navigate") and target in (None, "document")
    else:  # Browsers send no Origin with a navigation by GET (Fetch §3.2).
        is_navigation = request.headers.get("Origin") in (None, own_origin(request, settings))
    if not is_navigation:
        raise OriginRefused("The request is not a navigation of the whole page.")


def see_no_page_asks(request: Request) -> None:
    """Raises OriginRefused where a script, picture or style sheet of a page seems to ask, rather than a program."""
    ranges = [each.partition(";")[0].strip().lower() for each in request.headers.get("Accept", "").split(",")]
    if _says_metadata(request) or (ranges[0] not in ("", "*/*") and "application/json" not in ranges):
        raise OriginRefused("A page asks for this out of sight.")


def began_here(request: Request, settings: Settings) -> bool:
    """Tell whether a navigation is known to have begun on a page of ours or by typing."""
    site, referer = request.headers.get("Sec-Fetch-Site"), request.headers.get("Referer")
    if site is not None:
        return site in ("same-origin", "none")
    return referer is not None and _origin_of(referer) == own_origin(request, settings)


def _says_metadata(request: Request) -> bool:
    return any(f"Sec-Fetch-{name}" in request.headers for name in ("Site", "Mode", "Dest"))


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
