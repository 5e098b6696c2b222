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


class OriginRefused(MintmarkError):
    """The request comes from a page of another origin that is not listed, or is a prefetch."""

    code = "origin"


def own_origin(request: Request, settings: Settings) -> str:
    """Return the origin under which this request reached the site."""
    parts = urlsplit(settings.base_url or f"http://{request.host}")
    return f"{parts.scheme}://{parts.netloc}"


def see_origin(request: Request, settings: Settings, listed: Set[str] = frozenset()) -> str | None:
    """Return the listed origin that asks, None where the request is ours. Raises OriginRefused.

    A GET navigation (somebody followed a link) passes from anywhere: the page that linked
    cannot read what it gives.
    """
    headers = request.headers
    if "prefetch" in headers.get("Sec-Purpose", headers.get("Purpose", "")):
        raise OriginRefused("A prefetch gets no token.")
    origin, ours = headers.get("Origin"), own_origin(request, settings)
    if origin in listed:
        return origin
    if origin is not None and origin != ours:
        raise OriginRefused("The request comes from an origin that is not listed.")
    site = headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "none") or origin == ours and site is None:
        return None
    if site is None:
        return _see_referer(headers.get("Referer"), ours, listed)
    if (
        request.method == "GET"
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    ):
        return None
    if _origin_of(headers.get("Referer")) in listed:
        return None
    raise OriginRefused("The request comes from another site and is not a navigation.")


def _see_referer(referer: str | None, ours: str, listed: Set[str]) -> None:
    if referer is not None and _origin_of(referer) not in {ours, *listed}:
        raise OriginRefused("The request comes from a page of another origin.")


def _origin_of(address: str | None) -> str | None:
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}"
