"""The token endpoint, `GET /<path>`: the hot path, and every answer of it.

`fetch` is the whole story, in the order in which it is decided: live asset (404) → method
(405) → origin (403) → person (403) → reader (403) → limit (429) → parameters (400) → claims
and key (500) → row (503) → 200. Never a redirect to the sign-in page: browser SDKs follow
one and choke on the HTML. What is refused is empty and without a Content-Type.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Rule

from mintmark import errors, log, paths
from mintmark.assets.params import read_params
from mintmark.assets.prepare import Prepared
from mintmark.issue import Issued, Mint, Occasion
from mintmark.readers import Reader, see_that_may_fetch
from mintmark.web import get_mint
from mintmark.web.origins import OriginRefused, see_origin
from mintmark.who import session_id_of

ENDPOINT = "token"
EXPOSED = "Mintmark-Request, Mintmark-Reason, Retry-After"
PREFLIGHT_SECONDS = 600


class SignInNeeded(errors.MintmarkError):
    """Nobody is signed in, or who is was switched off."""

    code = "sign_in"


class NoMethod(errors.MintmarkError):
    """The asset does not answer this method."""

    code = "no_method"


# class → (status, Mintmark-Reason); anything else is a bug and answers 500.
ANSWERS: dict[type[errors.MintmarkError], tuple[int, str | None]] = {
    errors.NotFound: (404, None),
    NoMethod: (405, None),
    OriginRefused: (403, "origin"),
    SignInNeeded: (403, "sign-in"),
    errors.NotAReader: (403, "not-a-reader"),
    errors.LimitReached: (429, None),
    errors.BadParameters: (400, None),
    errors.CannotIssue: (500, None),
    errors.NotRecorded: (503, None),
    errors.Busy: (503, None),
}


class Asking:
    """One request as far as it is known; refusals are told and logged with what is known of it."""

    def __init__(self, mint: Mint) -> None:
        self.mint = mint
        self.now = mint.clock()
        self.asset: Prepared | None = None
        self.reader: Reader | None = None
        self.listed_origin: str | None = None

    @property
    def occasion(self) -> Occasion:
        """Return when, by whom and from where."""
        actor = self.reader.id if self.reader else "stranger"
        return Occasion(self.now, actor, request.remote_addr, g.request_id)


def fetch(path: str) -> Response:
    """Answer a request for the asset at `path`."""
    asking = Asking(get_mint())
    try:
        return _fetch(asking, path)
    except tuple(ANSWERS) as error:
        return _refuse(asking, error)


def _fetch(asking: Asking, path: str) -> Response:
    mint = asking.mint
    asking.asset, asking.reader = mint.look_up(path, now=asking.now, session=session_id_of(request))
    asset = _see_that_lives(asking.asset)
    _see_method(asset)
    asking.listed_origin = see_origin(request, mint.settings, asset.origins)
    if request.method == "OPTIONS":
        return _preflight(asking, asset)
    reader = _see_signed_in(asking.reader)
    see_that_may_fetch(asset, reader)
    _see_limit(mint, asset, reader)
    params = read_params(asset, _given())
    issued = mint.issue(asset, reader, params, asking.occasion)
    return _answer(asking, asset, issued)


def _see_that_lives(asset: Prepared | None) -> Prepared:
    if asset is None:
        raise errors.NotFound("There is no live asset at this path.")
    return asset


def _see_method(asset: Prepared) -> None:
    """A preflight is decided by the method it asks for."""
    method = request.method
    if method == "OPTIONS" and "Origin" in request.headers:
        method = request.headers.get("Access-Control-Request-Method", method)
    if method not in asset.methods:
        raise NoMethod("The asset does not answer this method.")


def _see_signed_in(reader: Reader | None) -> Reader:
    if reader is None:
        raise SignInNeeded("Nobody is signed in.")
    return reader


def _see_limit(mint: Mint, asset: Prepared, reader: Reader) -> None:
    wait = mint.fuse.hit(mint.settings.limit_tokens, reader.id, asset.id)
    if wait is not None:
        raise errors.LimitReached(wait)


def _given() -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the query and, of a POST, of its one JSON object. Raises BadParameters."""
    yield from request.args.items(multi=True)
    if request.method == "POST":
        yield from _body().items()


def _body() -> dict[str, Any]:
    if request.mimetype != "application/json" or request.content_length is None:
        raise errors.BadParameters("A POST takes one application/json object, with its Content-Length.")
    try:
        body = json.loads(request.get_data(), object_pairs_hook=_object_without_repeats)
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


def _answer(asking: Asking, asset: Prepared, issued: Issued) -> Response:
    form = asset.definition["answer"]
    if form["form"] == "raw":
        return _finish(asking, Response(issued.token, content_type="application/jwt"))
    text = json.dumps({form["field"]: issued.token, **form["beside"]}, separators=(",", ":"))
    return _finish(asking, Response(text, content_type="application/json"))


def _preflight(asking: Asking, asset: Prepared) -> Response:
    if asking.listed_origin is None:
        raise OriginRefused("A preflight of our own origin is none.")
    response = _finish(asking, empty(204))
    response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(asset.methods))
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


def _refuse(asking: Asking, error: Exception) -> Response:
    status, reason = next(answer for kind, answer in ANSWERS.items() if isinstance(error, kind))
    response = _finish(asking, empty(status))
    if reason:
        response.headers["Mintmark-Reason"] = reason
    if isinstance(error, errors.LimitReached):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NoMethod) and asking.asset:
        preflight = {"OPTIONS"} if asking.asset.origins else set()
        response.headers["Allow"] = ", ".join(sorted(asking.asset.methods | preflight))
    _tell(asking, error, status)
    return response


def _tell(asking: Asking, error: Exception, status: int) -> None:
    """Refusals of a known person are rows, once a minute for each asset and reason; the rest are lines."""
    code = getattr(error, "code", "refused")
    if isinstance(error, errors.CannotIssue):
        return  # `Mint.issue` recorded the diagnosis.
    if status in (403, 429) and asking.reader and asking.asset:
        if not _told.is_new((asking.reader.id, asking.asset.id, code), asking.now):
            return
        try:
            asking.mint.record(
                "token.refused", "refused", asking.asset, asking.reader, asking.occasion, {"code": code}
            )
            return
        except errors.NotRecorded:
            pass
    log.say(
        "token.refused",
        request=g.request_id,
        status=status,
        code=code,
        path=request.path,
        address=request.remote_addr,
    )


def _finish(asking: Asking, response: Response) -> Response:
    if asking.listed_origin:
        response.headers["Access-Control-Allow-Origin"] = asking.listed_origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def empty(status: int) -> Response:
    """Return an answer without body and Content-Type."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


class _Told:
    """Which refusals were recorded within the last minute, in bounds."""

    def __init__(self) -> None:
        self._at: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def is_new(self, key: tuple[str, str, str], now: float) -> bool:
        with self._lock:
            if now - self._at.get(key, -61.0) < 60:
                return False
            self._at[key] = now
            self._at.move_to_end(key)
            while len(self._at) > 10_000:
                self._at.popitem(last=False)
            return True


_told = _Told()


class _AssetPath(BaseConverter):
    """Matches what may be an asset path, and never a path of ours (WE-03: fixed routes win)."""

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


def answer_routing_error(error: NotFound | MethodNotAllowed) -> Response:
    """Answer what no route takes as the token endpoint does: empty."""
    response = empty(error.code or 404)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    log.say(
        "request.refused",
        request=g.request_id,
        status=response.status_code,
        path=request.path,
        address=request.remote_addr,
    )
    return response
