"""One request for a token as far as it is known, and its answer: what that carries, whatever it is."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask import Response
from werkzeug.wrappers import Request

from mintmark.assets.prepare import Prepared
from mintmark.issue import Mint
from mintmark.log import Occasion
from mintmark.readers import Reader

_EXPOSED = "Mintmark-Request, Mintmark-Reason, Retry-After"


@dataclass(slots=True)
class Answer:
    """A status, a body, and the headers that not every answer has. What is empty has no Content-Type."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Asking:
    """One request as far as it is known; refusals are told and logged with what is known of it."""

    def __init__(self, mint: Mint, path: str, environ: dict[str, Any], request_id: str) -> None:
        self.mint, self.path, self.environ, self.request_id = mint, path, environ, request_id
        self.now = mint.clock()
        self.asset: Prepared | None = None
        self.reader: Reader | None = None

    @cached_property
    def request(self) -> Request:
        """Return the request, which few answers need whole."""
        return Request(self.environ)

    @property
    def listed_origin(self) -> str | None:
        """Return the origin that asks, if the asset lists it: it may read every status."""
        origin = self.environ.get("HTTP_ORIGIN")
        return origin if self.asset and origin in self.asset.origins else None

    @property
    def occasion(self) -> Occasion:
        """Return when, by whom and from where."""
        actor = self.reader.id if self.reader else "stranger"
        former_path = self.path if self.asset and self.asset.path != self.path else None
        return Occasion(self.now, actor, self.environ.get("REMOTE_ADDR"), self.request_id, former_path)


def finish(asking: Asking, answer: Answer) -> Answer:
    """Let a listed origin read the answer, whatever its status."""
    if origin := asking.listed_origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Credentials"] = "true"
        answer.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return answer


def empty(status: int) -> Response:
    """Return an answer of a page without body and Content-Type."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
