"""One request for a token as far as it is known, and what its answer carries whatever it is."""

from flask import Response, g, request

from mintmark.assets.prepare import Prepared
from mintmark.issue import Mint
from mintmark.log import Occasion
from mintmark.readers import Reader

_EXPOSED = "Mintmark-Request, Mintmark-Reason, Retry-After"


class Asking:
    """One request as far as it is known; refusals are told and logged with what is known of it."""

    def __init__(self, mint: Mint, path: str) -> None:
        self.mint, self.path = mint, path
        self.now = mint.clock()
        self.asset: Prepared | None = None
        self.reader: Reader | None = None

    @property
    def listed_origin(self) -> str | None:
        """Return the origin that asks, if the asset lists it: it may read every status."""
        origin = request.headers.get("Origin")
        return origin if self.asset and origin in self.asset.origins else None

    @property
    def occasion(self) -> Occasion:
        """Return when, by whom and from where."""
        actor = self.reader.id if self.reader else "stranger"
        former_path = self.path if self.asset and self.asset.path != self.path else None
        return Occasion(self.now, actor, request.remote_addr, g.request_id, former_path)


def finish(asking: Asking, response: Response) -> Response:
    """Let a listed origin read the answer, whatever its status."""
    if asking.listed_origin:
        response.headers["Access-Control-Allow-Origin"] = asking.listed_origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response


def empty(status: int) -> Response:
    """Return an answer without body and Content-Type."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
