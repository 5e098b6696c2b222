"""Where to go after signing in: never to a given string, only to a page of the URL map, rebuilt.

`////evil.test`, `https:evil.test`, `/\\evil.test` and their kin match no route and lead home
(ASVS 3.7.2; CWE-601).
"""

from urllib.parse import parse_qsl, urlsplit

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

HOME = "home.home"
# endpoint → the query names that it declares.
_QUERY = {
    HOME: ("after",),
    "assets.assets": ("under", "q", "show", "after"),
    "asset_form.draft": ("under",),
    "asset_moves.move_form": ("after",),
    "revisions.revisions": ("after",),
    "revisions.revision": ("to",),
    "dashboard.dashboard": ("span",),
    "records.records": (*"event outcome person asset actor address code request since until before".split(),),
}
_NEVER = frozenset({"static", "signin.form", "signin.sign_out", "setup.setup", "password_link.form", "nothing.nothing"})


def next_page(wanted: str | None) -> str:
    """Return the address to go to: the wanted page if it is one of ours, else home."""
    return _rebuild(wanted or "") or url_for(HOME)


def _rebuild(wanted: str) -> str | None:
    try:
        parts = urlsplit(wanted)
        is_local = wanted.startswith("/") and not parts.scheme and not parts.netloc
        path = parts.path.removeprefix(request.script_root) if request.script_root else parts.path
        if not is_local or not path.startswith("/") or path.startswith("//"):
            return None
        adapter = current_app.create_url_adapter(request)
        assert adapter is not None  # noqa: S101 — for the type checker: there is one within a request.
        endpoint, values = adapter.match(path, method="GET")
        if endpoint in _NEVER:
            return None
        query = {name: value for name, value in parse_qsl(parts.query) if name in _QUERY.get(endpoint, ())}
        return url_for(endpoint, **{**query, **values})
    except (ValueError, HTTPException, RequestRedirect):
        return None
