"""The pages of the receiver: how tokens come in, and what is shown of them.

Rule: whatever comes is text. Pages escape it, the policy lets no script run but ours and the site's
`mintmark.js`, and no answer may be kept, framed or told to another site by a Referer. No cookie is set or looked
at: those of a host go to all its ports (RFC 6265 §8.5), so one of ours might stand in the way of the site's.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, MethodNotAllowed, NotFound, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from mintmark.addresses import is_loopback
from mintmark.moment import duration_in_words
from mintmark.receiver.judging import Judge, Verdict
from mintmark.receiver.parties import Party

_ROOT = Path(__file__).parent.parent.parent
_STATIC = {
    "receiver.js": "text/javascript",
    "mintmark.css": "text/css",
    "things.css": "text/css",
    "mark.svg": "image/svg+xml",
}
_MAX_BODY_BYTES = 64 * 1024
_MOST_BESIDE, _LONGEST_BESIDE = 8, 200
WAYS_IN_WORDS = {
    "query": "in the address",
    "fragment": "behind the # of the address",
    "post": "in a form",
    "page": "through a script on the page",
}


class _Asked(Request):
    max_content_length = _MAX_BODY_BYTES
    max_form_memory_size = _MAX_BODY_BYTES
    max_form_parts = 20


def make_receiver(
    parties: Iterable[Party], site_url: str, clock: Callable[[], float] = time.time
) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application that plays these relying parties of the site at `site_url`."""
    return _Receiver(parties, site_url, clock)


class _Receiver:
    def __init__(self, parties: Iterable[Party], site_url: str, clock: Callable[[], float]) -> None:
        self._judges = {party.slug: Judge(party) for party in parties}
        self._site, self._clock = site_url.rstrip("/"), clock
        parts = urlsplit(self._site)
        self._headers = _headers(f"{parts.scheme}://{parts.netloc}")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = _Asked(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = Response(f"{error.code} {error.name}\n", error.code, mimetype="text/plain")
            if isinstance(error, MethodNotAllowed):
                response.headers["Allow"] = ", ".join(error.valid_methods or ())
        for name, value in self._headers.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        _see_host(request.host)
        slug, _, rest = request.path.lstrip("/").partition("/")
        if slug == "static" and rest in _STATIC:
            _see_method(request, "GET")
            return Response((_ROOT / "static" / rest).read_bytes(), mimetype=_STATIC[rest])
        if request.path == "/":
            _see_method(request, "GET")
            parties = [judge.party for judge in self._judges.values()]
            return self._page("parties.html", parties=parties, begin=self._begin)
        judge = self._judges.get(slug)
        if judge is None or request.path not in (f"/{slug}", f"/{slug}/verify"):
            raise NotFound
        return self._verify(request, judge) if rest else self._arrival(request, judge)

    def _arrival(self, request: Request, judge: Judge) -> Response:
        """Show what came by a navigation; by `fragment` and `page` the script brings it."""
        party = judge.party
        _see_method(request, *(("GET", "POST") if party.by == "post" else ("GET",)))
        given: Sequence[str] = []
        if party.by == "query":
            given = request.args.getlist(party.name)
        elif request.method == "POST":
            given = request.form.getlist(party.name) or [""]
        verdict = None
        if given:
            verdict = self._judge(judge, given[0]) if len(given) == 1 else Verdict(("More than one token came.",))
        beside = [(name, value) for name, value in request.args.items(multi=True) if name != party.name]
        return self._page(
            "party.html",
            party=party,
            begin=self._begin,
            verdict=verdict,
            beside=[(name[:_LONGEST_BESIDE], value[:_LONGEST_BESIDE]) for name, value in beside[:_MOST_BESIDE]],
            ends=_ends(verdict, self._clock()),
            pretty=_pretty,
        )

    def _verify(self, request: Request, judge: Judge) -> Response:
        """Answer the page's own script with what came of a token."""
        _see_method(request, "POST")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden
        if request.mimetype != "application/json":  # No form of another site can send that.
            raise UnsupportedMediaType
        try:
            given = json.loads(request.get_data())
        except (ValueError, RecursionError):
            raise BadRequest from None
        if not isinstance(given, dict) or not isinstance(given.get("token"), str):
            raise BadRequest
        verdict, now = self._judge(judge, given["token"]), self._clock()
        members = {
            "verdict": verdict.word,
            "reasons": verdict.reasons,
            "header": verdict.header,
            "claims": verdict.claims,
            "key": verdict.key,
            "ends": _ends(verdict, now),
        }
        return Response(json.dumps(members), mimetype="application/json")

    def _judge(self, judge: Judge, text: str) -> Verdict:
        return judge.judge(text, now=self._clock())

    def _begin(self, party: Party) -> str:
        """Return the address at which somebody begins."""
        path = quote(party.asset_path)
        return f"/{party.slug}" if party.by == "page" else f"{self._site}/launch/{path}"

    def _page(self, name: str, **shown: Any) -> Response:
        html = _environment().get_template(f"receiver/{name}").render(site=self._site, ways=WAYS_IN_WORDS, **shown)
        return Response(html, mimetype="text/html")


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_ROOT / "templates"), autoescape=True)


def _see_host(host: str) -> None:
    """Another name for this machine is one that somebody else made up (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        raise BadRequest from None
    if not is_loopback(name):
        raise BadRequest


def _see_method(request: Request, *methods: str) -> None:
    """HEAD is not GET here: a token that nobody sees would be taken, and count as seen."""
    if request.method not in methods:
        raise MethodNotAllowed(methods)


def _ends(verdict: Verdict | None, now: float) -> str:
    """Say how long a token that was taken is good."""
    if verdict is None or not verdict.is_good or verdict.expires_at is None:
        return ""
    left = int(verdict.expires_at - now)
    return f"It expires in {duration_in_words(left)}." if left > 0 else "It expires now."


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _headers(site: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; script-src 'self' {site}/; style-src 'self'; img-src 'self'; connect-src 'self' {site}/;"
        " form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
