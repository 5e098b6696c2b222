"""The pages of a sign-in by OpenID Connect that failed: why, in words, and the other ways to sign in.

Rule: what a provider says at length is nobody's words here, and nothing of an answer is shown but a short code.
"""

from flask import Response, g, make_response, render_template, request

from mintmark import log
from mintmark.errors import LimitReached, MintmarkError
from mintmark.issuers.refusals import TokenRefused
from mintmark.models import db
from mintmark.openid.flow import ProviderAway, ProviderFailed
from mintmark.outbound.waiting import NoTurn
from mintmark.web.origins import OriginRefused


class NotBegun(MintmarkError):
    """An answer that this browser did not ask for, or asked for too long ago."""

    code = "not_begun"


class NotAnAnswer(MintmarkError):
    """What came back is no answer that a provider gives."""

    code = "no_answer"


class ProviderRefused(MintmarkError):
    """The provider said no, or the person did there."""

    code = "provider_refused"


class SomebodyElse(MintmarkError):
    """Somebody else is signed in here."""

    code = "somebody_else"


# class → (status, title); the first that fits.
PAGES: dict[type[MintmarkError], tuple[int, str]] = {
    NotBegun: (400, "This sign-in was not begun here"),
    NotAnAnswer: (400, "This answer cannot be read"),
    ProviderRefused: (403, "Nobody was signed in"),
    SomebodyElse: (409, "Somebody else is signed in"),
    OriginRefused: (403, "This address is for a person to open"),
    LimitReached: (429, "Too many attempts"),
    NoTurn: (503, "Too many at this moment"),
    ProviderAway: (503, "The provider does not answer"),
    ProviderFailed: (502, "The provider’s answer cannot be used"),
}


def words_of(error: str) -> str:
    """Return what an error code of a provider means (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6)."""
    known = {
        "access_denied": "The provider says that it was declined, there or by you.",
        "login_required": "The provider wants you to sign in there first.",
        "temporarily_unavailable": "The provider is too busy at this moment. Try again in a few minutes.",
    }
    said = "".join(each for each in error[:60] if each.isprintable())
    return known.get(error, f"The provider answered “{said}”. An administrator of this site can help.")


def failed(name: str, issuer: str | None, error: MintmarkError) -> Response:
    """Say on a page why nobody was signed in. Nobody is known yet, so it is a line and no row."""
    status, title = next(page for kind, page in PAGES.items() if isinstance(error, kind))
    db.session.rollback()
    log.say(
        "person.sign_in_refused",
        request=g.request_id,
        status=status,
        code=error.code,
        issuer=issuer,
        words=str(error),
        address=request.remote_addr,
    )
    response = _page(name, status, title, str(error), is_open=isinstance(error, NoTurn))
    if isinstance(error, LimitReached):
        response.headers["Retry-After"] = str(error.retry_after)
    elif status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _page(name: str, status: int, title: str, words: str, *, is_open: bool = False) -> Response:
    """`is_open`: the answer was not used up, and may be given again."""
    return make_response(
        render_template("oidc.html", name=name, status=status, title=title, words=words, is_open=is_open),
        status,
    )


def refused(name: str, error: TokenRefused) -> Response:
    """Tell the row of a refusal; which check failed stands in the log."""
    return _page(name, error.row.status, error.row.error, "Whom the provider named is not signed in here.")
