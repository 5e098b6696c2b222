"""The answers of the token endpoint that give no token, and what is told of them.

Whatever is refused is empty and without a Content-Type; its id leads to the log. Refusals of
a known person are rows, once a minute for each asset and reason; strangers and what has no
asset are lines on standard output with the same id.
"""

import threading
from collections import OrderedDict

from flask import Response, g, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from mintmark import errors, log
from mintmark.web.asking import Answer, Asking, empty, finish
from mintmark.web.origins import OriginRefused


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


def refuse(asking: Asking, error: Exception) -> Answer:
    """Return the empty answer of a refusal, and tell of it."""
    status, reason = next(answer for kind, answer in ANSWERS.items() if isinstance(error, kind))
    answer = finish(asking, Answer(status))
    if reason:
        answer.headers["Mintmark-Reason"] = reason
    if isinstance(error, errors.LimitReached):
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NoMethod) and asking.asset:
        preflight = {"OPTIONS"} if asking.asset.origins else set()
        answer.headers["Allow"] = ", ".join(sorted(asking.asset.methods | preflight))
    tell(asking, error, status)
    return answer


def tell(asking: Asking, error: Exception, status: int) -> None:
    """Refusals of a known person are rows, once a minute for each asset and reason; the rest are lines."""
    code = getattr(error, "code", "refused")
    if isinstance(error, errors.CannotIssue):
        return  # `Mint.issue` recorded the diagnosis.
    if status in (403, 429) and asking.reader and asking.asset:
        if not _told.is_new((asking.reader.id, asking.asset.id, code), asking.now):
            return
        try:
            asking.mint.record("token.refused", "refused", asking.asset, asking.reader, asking.occasion, {"code": code})
            return
        except errors.NotRecorded:
            pass
    log.say(
        "token.refused",
        request=asking.request_id,
        status=status,
        code=code,
        words=str(error),
        path=asking.request.path,
        address=asking.request.remote_addr,
    )


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
