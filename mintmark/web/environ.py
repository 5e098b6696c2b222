"""The WSGI environ as the site wants it: only the request, under the site's own name.

granian copies all of `os.environ` into each request's environ, where an error page could show
it and where a variable named HTTP_X_FORWARDED_FOR would pass for a header; only what belongs
to a request goes through. The scheme is that of the base URL, and its path is SCRIPT_NAME,
whether or not the proxy in front took it off.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mintmark.config import Settings

_NAMES = frozenset(
    "REQUEST_METHOD PATH_INFO QUERY_STRING CONTENT_TYPE CONTENT_LENGTH SERVER_NAME SERVER_PORT SERVER_PROTOCOL"
    " REMOTE_ADDR REMOTE_PORT SCRIPT_NAME".split()
)
_PREFIXES = ("HTTP_", "wsgi.", "werkzeug.", "flask.")


class Environ:
    """Middleware around the whole site."""

    def __init__(self, app: Callable[..., Iterable[bytes]], settings: Settings) -> None:
        self._app = app
        self._scheme = "https" if settings.is_https else "http"
        self._base_path = settings.base_path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = {name: value for name, value in environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
        request["wsgi.url_scheme"] = self._scheme
        if self._base_path:
            path = request.get("PATH_INFO", "")
            request["SCRIPT_NAME"] = self._base_path
            if path == self._base_path or path.startswith(self._base_path + "/"):
                request["PATH_INFO"] = path[len(self._base_path) :] or "/"
        return self._app(request, start_response)
