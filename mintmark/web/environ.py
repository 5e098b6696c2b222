"""The WSGI environ as the site wants it: only the request, under the site's own name.

granian copies all of `os.environ` into each request's environ, where an error page could show
it and where a variable named HTTP_X_FORWARDED_FOR would pass for a header; only what belongs
to a request goes through. The scheme is that of the base URL, and its path is SCRIPT_NAME,
a proxy in front passes it on as it is. Bodies are read here, whole and in bounds.
"""

import io
import threading
from collections.abc import Callable, Iterable
from typing import Any

from mintmark.config import Settings

REFUSED = "mintmark.refused"  # The status with which the front door is to answer, if any.
MAX_READING = 3  # Half of the threads of a worker (mintmark/serve.py).
_NAMES = frozenset(
    "REQUEST_METHOD PATH_INFO QUERY_STRING CONTENT_TYPE CONTENT_LENGTH SERVER_NAME SERVER_PORT SERVER_PROTOCOL"
    " REMOTE_ADDR REMOTE_PORT SCRIPT_NAME".split()
)
_PREFIXES = ("HTTP_", "wsgi.", "werkzeug.", "flask.")


class Environ:
    """Middleware around the whole site."""

    def __init__(self, app: Callable[..., Iterable[bytes]], settings: Settings, *, body_limit: int) -> None:
        self._app = app
        self._scheme = "https" if settings.is_https else "http"
        self._base_path = settings.base_path
        self._body_limit = body_limit
        self._reading = threading.BoundedSemaphore(MAX_READING)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = {name: value for name, value in environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
        request["wsgi.url_scheme"] = self._scheme
        if not self._is_ours(request):
            request[REFUSED] = 404
        elif request.get("REQUEST_METHOD") == "POST":
            request[REFUSED] = self._read_body(request)
        else:
            request["wsgi.input"] = io.BytesIO()  # Nothing of ours reads the body of another method.
        return self._app(request, start_response)

    def _is_ours(self, request: dict[str, Any]) -> bool:
        """Move the path of the base URL to SCRIPT_NAME; what does not start with it is not this site's."""
        path = request.get("PATH_INFO", "")
        if not self._base_path:
            return True
        if path != self._base_path and not path.startswith(self._base_path + "/"):
            return False
        request["SCRIPT_NAME"], request["PATH_INFO"] = self._base_path, path[len(self._base_path) :] or "/"
        return True

    def _read_body(self, request: dict[str, Any]) -> int | None:
        """Read the body, of at most so many clients at once: a slow one holds a thread, and tokens need the others.

        What is too long, or has no length, is refused later by its headers and never read. Return the
        status with which to refuse, if any: no place to read, or less came than was announced.
        """
        length = request.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isascii() and length.isdecimal() and len(length) < 10 else 0
        stream, request["wsgi.input"] = request.get("wsgi.input"), io.BytesIO()
        if stream is None or not 0 < size <= self._body_limit:
            return None
        if not self._reading.acquire(blocking=False):
            return 503
        try:
            body = stream.read(size)
        finally:
            self._reading.release()
        request["wsgi.input"] = io.BytesIO(body)
        return None if len(body) == size else 400
