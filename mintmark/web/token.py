"""The token endpoint, `GET /<path>`: the hot path, and every answer of it.

`fetch` is the whole story, in the order in which it is decided: live asset (404) → method (405) → origin (403) →
preflight (204) → person (403) → reader (403) → limit (429) → parameters (400) → claims and key (500) → row (503);
503 too where the database does not answer. Never a redirect to the sign-in page: browser SDKs follow one and choke
on the HTML. What is refused is empty and without a Content-Type.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mintmark import errors, log
from mintmark.assets.params import read_params
from mintmark.assets.prepare import Prepared
from mintmark.issue import Issued
from mintmark.readers import Reader, see_that_may_fetch
from mintmark.web.asking import Answer, Asking, finish
from mintmark.web.json_body import json_object
from mintmark.web.origins import OriginRefused, says_where_from, see_origin
from mintmark.web.refusals import ANSWERS, NoMethod, SignInNeeded, refuse
from mintmark.who import Credentials

PREFLIGHT_SECONDS = 600


def fetch(asking: Asking, credentials: Credentials) -> Answer:
    """Answer a request for an asset; `credentials` say who asks."""
    try:
        with asking.mint.recorder.expecting:
            return _fetch(asking, credentials)
    except tuple(ANSWERS) as error:
        return refuse(asking, error)
    except Exception as bug:
        log.say_bug(bug, request=asking.request_id)
        return finish(asking, Answer(500))


def _fetch(asking: Asking, credentials: Credentials) -> Answer:
    mint = asking.mint
    asking.asset, asking.reader = mint.look_up(asking.path, now=asking.now, **credentials)
    asset = _see_that_lives(asking.asset)
    _see_method(asset, asking.environ)
    if says_where_from(asking.environ):
        see_origin(asking.request, mint.settings, asset.origins)
    if asking.environ["REQUEST_METHOD"] == "OPTIONS":
        return _preflight(asking, asset)
    reader = _see_signed_in(asking.reader)
    see_that_may_fetch(asset, reader)
    mint.count_or_refuse(asset, reader, now=asking.now)
    params = read_params(asset, _given(asking))
    issued = mint.issue(asset, reader, params, asking.occasion)
    return _answer(asking, asset, issued)


def _see_that_lives(asset: Prepared | None) -> Prepared:
    if asset is None:
        raise errors.NotFound("There is no live asset at this path.")
    return asset


def _see_method(asset: Prepared, environ: Mapping[str, Any]) -> None:
    """A preflight is decided by the method it asks for."""
    method = environ["REQUEST_METHOD"]  # As it was sent: methods are case-sensitive (RFC 9110 §9.1).
    if method == "OPTIONS" and "HTTP_ORIGIN" in environ:
        method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", method)
    if method not in asset.methods:
        raise NoMethod("The asset does not answer this method.")


def _see_signed_in(reader: Reader | None) -> Reader:
    if reader is None:
        raise SignInNeeded("Nobody is signed in.")
    return reader


def _given(asking: Asking) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the query and, of a POST, of its one JSON object. Raises BadParameters."""
    if asking.environ.get("QUERY_STRING"):
        yield from asking.request.args.items(multi=True)
    if asking.environ["REQUEST_METHOD"] == "POST":
        yield from json_object(asking.request).items()


def _answer(asking: Asking, asset: Prepared, issued: Issued) -> Answer:
    form = asset.definition["answer"]
    if form["form"] == "raw":
        return finish(asking, Answer(200, issued.token.encode("ascii"), {"Content-Type": "application/jwt"}))
    text = json.dumps({form["field"]: issued.token, **form["beside"]}, separators=(",", ":"))
    return finish(asking, Answer(200, text.encode(), {"Content-Type": "application/json"}))


def _preflight(asking: Asking, asset: Prepared) -> Answer:
    if asking.listed_origin is None:
        raise OriginRefused("A preflight of our own origin is none.")
    answer = finish(asking, Answer(204))
    answer.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(asset.methods))
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
    answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return answer
