"""The door in front of Flask, by which tokens leave: whatever has the path of an asset never reaches the framework.

Flask's request machinery costs a token more than all the rest of it (bench/README.md): routing, contexts, the session
and its serializer made anew. Here a request is Werkzeug's, an answer three plain values, and the signature of a cookie
is verified once. The two doors have one threshold (mintmark/web/threshold.py) and one way to tell who asks
(mintmark/who.py). No path is for both: what may be an asset never starts as a page of ours does (mintmark/paths.py).
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask, g, request
from flask import Response as Page
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter, Rule

from mintmark import issue, paths
from mintmark.web.asking import Answer, Asking
from mintmark.web.threshold import FOR_NO_CACHE, find_refusal, headers_for_all
from mintmark.web.token import fetch
from mintmark.who import SessionCookies, credentials_of

ENDPOINT = "token"
_REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class TokenDoor:
    """Answers for assets, and passes everything else on to the site behind it."""

    def __init__(self, app: Flask, site: _Wsgi) -> None:
        self._mint: issue.Mint = app.extensions["mintmark"]
        self._site, self._cookies = site, SessionCookies(app)
        self._for_all = {**headers_for_all(self._mint.settings), **FOR_NO_CACHE}
        app.url_map.converters["asset_path"] = _AssetPath
        app.url_map.add(Rule("/<asset_path:path>", endpoint=ENDPOINT, methods=None))
        app.view_functions[ENDPOINT] = self._view

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path[:1] != "/" or not paths.is_path(path[1:]):
            return self._site(environ, start_response)
        request_id = issue.make_request_id()
        answer = self._answer(environ, request_id)
        headers = {**self._for_all, "Mintmark-Request": request_id, **answer.headers}
        if answer.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(answer.body))
        start_response(_REASONS[answer.status], list(headers.items()))
        return [answer.body]

    def _answer(self, environ: dict[str, Any], request_id: str) -> Answer:
        if refusal := find_refusal(environ, self._mint.settings, request_id):
            return Answer(refusal.status, headers={"Retry-After": "1"} if refusal.may_retry else {})
        asking = Asking(self._mint, environ["PATH_INFO"][1:], environ, request_id)
        return fetch(asking, credentials_of(environ, self._cookies))

    def _view(self, path: str) -> Page:
        """Answer the same where Flask was asked, which the server never does: the rule is there for Flask's URL map."""
        answer = self._answer(request.environ, g.request_id)
        page = Page(answer.body, answer.status, answer.headers)
        if "Content-Type" not in answer.headers:
            del page.headers["Content-Type"]
        return page


class _AssetPath(BaseConverter):
    """Matches what may be an asset path, and never one of ours: fixed routes win."""

    regex = paths.PATTERN
    part_isolating = False

    def to_python(self, value: str) -> str:
        if not paths.is_path(value):
            raise NotFound()
        return value
