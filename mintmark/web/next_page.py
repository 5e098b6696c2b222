"""Where to go after signing in: never to a given string, only to a page of the URL map, rebuilt.

`////evil.test`, `https:evil.test`, `/\\evil.test` and their kin match no route and lead home
(ASVS 3.7.2; CWE-601). A launch keeps the names that its asset declares, and no others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from mintmark.assets import launching
from mintmark.assets.prepare import Prepared
from mintmark.paths import is_path
from mintmark.web import get_mint

HOME, LAUNCH = "home.home", "launch.launch"
# In the session from the sign-in form to the launch that follows it. Chromium holds the form's `form-action` against
# each further redirect, and to list there where an asset leads would tell strangers: a page between begins anew.
ONWARD = "onward"
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
_NEVER = frozenset(
    {"static", "signin.form", "signin.sign_out", "setup.setup", "password_link.form", "nothing.nothing"}
    | {"jwt_signin.sign_in", "jwt_signin.start", "oidc.start", "oidc.callback"}
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A page of ours that somebody wants: its endpoint, what its address holds, and the query as it was given."""

    endpoint: str
    values: dict[str, Any]
    query: list[tuple[str, str]]


def next_page(wanted: str | None) -> str:
    """Return the address to go to: the wanted page if it is one of ours, else home."""
    return find_page(wanted or "") or url_for(HOME)


def find_page(wanted: str) -> str | None:
    """Return the address of the wanted page, rebuilt; None where it is none of ours."""
    found = _find(wanted)
    if found is None:
        return None
    if found.endpoint == LAUNCH:
        path = found.values["path"]
        return launch_address(path, _asset_at(path), found.query) if is_path(path) else None
    query = {name: value for name, value in found.query if value and name in _QUERY.get(found.endpoint, ())}
    return url_for(found.endpoint, **{**query, **found.values})


def launch_address(path: str, asset: Prepared | None, given: Iterable[tuple[str, str]]) -> str:
    """Return the launch address of a path with what its asset declares; what is given twice stays so, to be refused."""
    names = launching.names_of(asset.definition) if asset else frozenset()
    query = urlencode([(name, value) for name, value in given if name in names])
    return url_for(LAUNCH, path=path) + ("?" + query if query else "")


def is_launch(address: str) -> bool:
    """Tell whether an address of ours is a launch, whatever lives there."""
    found = _find(address)
    return found is not None and found.endpoint == LAUNCH


def _asset_at(path: str) -> Prepared | None:
    mint = get_mint()
    asset, _ = mint.look_up(path, now=mint.clock())
    return asset


def _find(wanted: str) -> _Wanted | None:
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
        return _Wanted(endpoint, dict(values), parse_qsl(parts.query, keep_blank_values=True))
    except (ValueError, HTTPException, RequestRedirect):
        return None
