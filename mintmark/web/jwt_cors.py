"""Which page of another origin may read an answer of `/auth/jwt` (Fetch §3.2): those that an issuer lists.

Rule: before the issuer of a token is known, the origins that any live issuer lists; from then on its own alone.
"""

from collections.abc import Set

from flask import Response, g, request
from sqlalchemy.exc import DBAPIError

from mintmark import log
from mintmark.issuers import finding
from mintmark.models import db
from mintmark.web.asking import empty

_EXPOSED = "Mintmark-Request, WWW-Authenticate"
PREFLIGHT_SECONDS = 600


def listed_origins() -> frozenset[str]:
    """Return the origins whose pages may ask; looked up once in a request, and only where a page says that it asks."""
    if "jwt_origins" not in g:
        g.jwt_origins = finding.origins_of_live_issuers() if "Origin" in request.headers else frozenset()
    origins: frozenset[str] = g.jwt_origins
    return origins


def narrow_to(origins: Set[str]) -> None:
    """Let only these read the answer, now that the issuer is known."""
    g.jwt_origins = frozenset(origins)


def preflight() -> Response:
    """Answer whether a page may post a token here."""
    is_post = request.headers.get("Access-Control-Request-Method") == "POST"
    origin = request.headers.get("Origin")
    if not is_post or origin not in listed_origins():
        told = {"request": g.request_id, "status": 403, "code": "preflight", "origin": origin}
        log.say("request.refused", **told, address=request.remote_addr)
        return empty(403)
    response = empty(204)
    response.headers["Access-Control-Allow-Methods"] = "POST"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


def let_read(response: Response) -> Response:
    """Let a listed origin read an answer, whatever its status."""
    origin = request.headers.get("Origin")
    try:
        is_listed = origin is not None and origin in listed_origins()
    except DBAPIError:  # The answer says so already.
        db.session.rollback()
        is_listed = False
    if is_listed and origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response
