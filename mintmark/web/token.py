"""The token endpoint, `GET /<path>`: the hot path, and every answer of it.

`fetch` is the whole story, in the order in which it is decided: live asset (404) → method
(405) → origin (403) → person (403) → reader (403) → limit (429) → parameters (400) → claims
and key (500) → row (503) → 200. Never a redirect to the sign-in page: browser SDKs follow
one and choke on the HTML. What is refused is empty and without a Content-Type.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter, Rule

from mintmark import errors, log, paths
from mintmark.assets.params import read_params
from mintmark.assets.prepare import Prepared
from mintmark.issue import Issued
from mintmark.readers import Reader, see_that_may_fetch
from mintmark.web import get_mint
from mintmark.web.asking import Asking, empty, finish
from mintmark.web.origins import OriginRefused, see_origin
from mintmark.web.refusals import ANSWERS, NoMethod, SignInNeeded, refuse
from mintmark.who import session_id_of

ENDPOINT = "token"
PREFLIGHT_SECONDS = 600


def fetch(path: str) -> Response:
    """Answer a request for the asset at `path`."""
    asking = Asking(get_mint(), path)
    try:
        return _fetch(asking, path)
    except tuple(ANSWERS) as error:
        return refuse(asking, error)
    except Exception as bug:
        log.say_bug(bug, request=g.request_id)
        return finish(asking, empty(500))


def _fetch(asking: Asking, path: str) -> Response:
    mint = asking.mint
    asking.asset, asking.reader = mint.look_up(path, now=asking.now, session=session_id_of(request))
    asset = _see_that_lives(asking.asset)
    _see_method(asset)
    see_origin(request, mint.settings, asset.origins)
    if request.method == "OPTIONS":
        return _preflight(asking, asset)
    reader = _see_signed_in(asking.reader)
    see_that_may_fetch(asset, reader)
    mint.see_limit(asset, reader, now=asking.now)
    params = read_params(asset, _given())
    issued = mint.issue(asset, reader, params, asking.occasion)
    return _answer(asking, asset, issued)


def _see_that_lives(asset: Prepared | None) -> Prepared:
    if asset is None:
        raise errors.NotFound("There is no live asset at this path.")
    return asset


def _see_method(asset: Prepared) -> None:
    """A preflight is decided by the method it asks for."""
    method = request.environ["REQUEST_METHOD"]  # As it was sent: methods are case-sensitive (RFC 9110 §9.1).
    if method == "OPTIONS" and "Origin" in request.headers:
        method = request.headers.get("Access-Control-Request-Method", method)
    if method not in asset.methods:
        raise NoMethod("The asset does not answer this method.")


def _see_signed_in(reader: Reader | None) -> Reader:
    if reader is None:
        raise SignInNeeded("Nobody is signed in.")
    return reader


def _given() -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the query and, of a POST, of its one JSON object. Raises BadParameters."""
    yield from request.args.items(multi=True)
    if request.method == "POST":
        yield from _body().items()


def _body() -> dict[str, Any]:
    if request.mimetype != "application/json" or request.content_length is None:
        raise errors.BadParameters("A POST takes one application/json object, with its Content-Length.")
    try:
        text = request.get_data().decode("utf-8")
        body = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, HTTPException):
        body = None
    if not isinstance(body, dict):
        raise errors.BadParameters("The body is not one JSON object.")
    return body


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _answer(asking: Asking, asset: Prepared, issued: Issued) -> Response:
    form = asset.definition["answer"]
    if form["form"] == "raw":
        return finish(asking, Response(issued.token, content_type="application/jwt"))
    text = json.dumps({form["field"]: issued.token, **form["beside"]}, separators=(",", ":"))
    return finish(asking, Response(text, content_type="application/json"))


def _preflight(asking: Asking, asset: Prepared) -> Response:
    if asking.listed_origin is None:
        raise OriginRefused("A preflight of our own origin is none.")
    response = finish(asking, empty(204))
    response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(asset.methods))
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


class _AssetPath(BaseConverter):
    """Matches what may be an asset path, and never one of ours: fixed routes win."""

    regex = paths.PATTERN
    part_isolating = False

    def to_python(self, value: str) -> str:
        if not paths.is_path(value):
            raise NotFound()
        return value


def init_app(app: Flask) -> None:
    """Add the endpoint for any method, and the same empty answers for what matches no route."""
    app.url_map.converters["asset_path"] = _AssetPath
    app.url_map.add(Rule("/<asset_path:path>", endpoint=ENDPOINT, methods=None))
    app.view_functions[ENDPOINT] = fetch
