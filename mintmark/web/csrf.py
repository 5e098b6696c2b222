"""Forms of ours only: a token bound to the browser's session, and the origin of the request.

Every request that changes something carries `csrf_token`, which stands in the signed session
cookie, also before anybody signed in (login CSRF); and it must not come from another origin.
The token endpoint takes no form token: there the origin decides (mintmark.web.origins).
"""

import hmac
import secrets
from urllib.parse import unquote_to_bytes

from flask import request, session

from mintmark.errors import MintmarkError
from mintmark.web import get_mint
from mintmark.web.origins import OriginRefused, see_origin

_FIELD = "csrf_token"


class FormRefused(MintmarkError):
    """The form was not one that this site gave this browser, or it is too old."""

    code = "csrf"


def csrf_token() -> str:
    """Return the token of this browser's session, made when first asked for."""
    if _FIELD not in session:
        session[_FIELD] = secrets.token_urlsafe(32)
    return str(session[_FIELD])


def keep_csrf_token(token: str) -> None:
    """Keep the token where the session begins anew for the same person, so that open forms stay good."""
    session[_FIELD] = token


def check_csrf() -> None:
    """Raises FormRefused unless this request comes from a form of ours."""
    words = "This form is too old, or did not come from this site. Go back, load the page again and send it once more."
    try:
        see_origin(request, get_mint().settings)
    except OriginRefused as error:
        raise FormRefused(words) from error
    _see_text(request.get_data())
    expected, given = session.get(_FIELD), request.form.get(_FIELD, "")
    if not expected or not hmac.compare_digest(str(expected).encode(), given.encode("utf-8", "replace")):
        raise FormRefused(words)


def _see_text(body: bytes) -> None:
    """Raises FormRefused where the fields are not UTF-8: what cannot be read back is not taken (ASVS 1.1.1)."""
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        raise FormRefused(
            "This form holds text that is not UTF-8. Load the page again and send it once more."
        ) from None
