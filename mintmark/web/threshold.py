"""The threshold, which every request crosses, whichever door it takes; and what every answer carries.

There are two doors: tokens leave by one in front of Flask (mintmark/web/door.py), all else is Flask's. What must
hold for both stands here, once.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from werkzeug.wsgi import get_host

from mintmark import log
from mintmark.config import Settings
from mintmark.web.environ import REFUSED
from mintmark.web.policy import policy

OPERATIONS = "/-/"  # A monitor asks each node, by any name.
_MOST_OF_HOST = 261  # A name of DNS has 253 characters at most (RFC 1035 §2.3.4), a port six with its colon.
SECURITY_HEADERS = {
    "Content-Security-Policy": policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
FOR_NO_CACHE = {"Cache-Control": "no-store", "Vary": "Cookie, Authorization, Origin"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that goes no further: the status of its empty answer, and whether trying again may help."""

    status: int
    may_retry: bool = False


def find_refusal(environ: dict[str, Any], settings: Settings, request_id: str) -> Refusal | None:
    """Return why a request goes no further, having told of it: another host, no text, no room for its body."""
    path, query, host = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""), environ.get("HTTP_HOST")
    host = host or get_host(environ)
    if (len(host) > _MOST_OF_HOST or _host_name(host) not in settings.hosts) and not path.startswith(OPERATIONS):
        refusal, code = Refusal(400), "host"
    elif query and not _is_text(query):
        refusal, code = Refusal(400), "query"
    elif refused := environ.get(REFUSED):
        refusal, code = Refusal(refused, may_retry=refused == 503), None
    else:
        return None
    told = {"code": code} if code else {"path": path.encode("latin-1").decode("utf-8", "replace")}
    log.say("request.refused", request=request_id, status=refusal.status, **told, address=environ.get("REMOTE_ADDR"))
    return refusal


def headers_for_all(settings: Settings) -> dict[str, str]:
    """Return the headers of every answer, but for what one says otherwise."""
    headers = {"Server": "", **SECURITY_HEADERS}  # Which server it is concerns nobody (ASVS 13.4.6).
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if settings.is_https else {})


@lru_cache(maxsize=1024)
def _host_name(host: str) -> str:
    """Return the name of a host as it was asked for, without port."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    return (name if name and port.isdecimal() else host).strip("[]").lower()


def _is_text(query: str) -> bool:
    """Nothing after this could read what is no UTF-8; some servers pass it on, as the Latin-1 of PEP 3333."""
    try:
        query.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True
