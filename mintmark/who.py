"""Who asks: from the cookie and headers of a request to a session id or an access token, whichever door.

The session id stands signed in Flask's session cookie, where Flask-Login keeps it as its
user id. Pages get the person through Flask-Login, the token endpoint through `credentials_of` and
its one query; both hold the session to `mintmark.sessions.limits`. Access tokens are for the
token endpoint alone: no page looks at them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict, cast

from flask import Flask, Response, g
from flask.sessions import SecureCookieSessionInterface
from flask_login import AnonymousUserMixin, LoginManager
from itsdangerous import BadSignature
from sqlalchemy.exc import DBAPIError
from werkzeug.http import parse_cookie

from mintmark import access_tokens
from mintmark.errors import Busy
from mintmark.models import Person, Session
from mintmark.sessions import find_person_in_session

_SESSION_ID = "_user_id"  # Flask-Login's name for it.
_MOST_KEPT = 1024  # characters of a Cookie header; longer ones are read anew.
# RFC 6750 §2.1; the name of a scheme is the same in any case (RFC 9110 §11.1).
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+)", re.ASCII)


class SignedIn:
    """The person of this request, as Flask-Login wants one; `get_id` is the id of the session row."""

    is_active = True
    is_authenticated = True
    is_anonymous = False

    def __init__(self, person: Person, session: Session) -> None:
        self.person = person
        self.session = session

    def get_id(self) -> str:
        """Return what stands in the cookie."""
        return str(self.session.id)


class Credentials(TypedDict, total=False):
    """By what a request says who asks: a session, or an access token as its hash. Never both; nothing is nobody."""

    session: str
    access_token: str


class SessionCookies:
    """Reads the session id out of the cookie that Flask signed; a signature that was verified is not verified again."""

    def __init__(self, app: Flask) -> None:
        interface = cast(SecureCookieSessionInterface, app.session_interface)
        self._serializer: Any = interface.get_signing_serializer(app)
        self._name, self._max_age = interface.get_cookie_name(app), app.permanent_session_lifetime
        self._read = lru_cache(maxsize=4096)(self._verify)

    def find_session_id(self, environ: Mapping[str, Any]) -> str | None:
        """Return the session id of a request; None where it has none, or an altered or outdated one."""
        sent = environ.get("HTTP_COOKIE")
        if not sent:
            return None
        session_id, signed_at = (self._read if len(sent) <= _MOST_KEPT else self._verify)(sent)
        # One signed in the future is taken: clocks of nodes differ, and the session's own row is held to its limits.
        return session_id if datetime.now(UTC) - signed_at <= self._max_age else None

    def _verify(self, sent: str) -> tuple[str | None, datetime]:
        try:
            value = parse_cookie(sent).get(self._name, "")
            found, signed_at = self._serializer.loads(value, return_timestamp=True)
        except BadSignature:
            return None, datetime.now(UTC)
        session_id = found.get(_SESSION_ID)
        return (session_id if isinstance(session_id, str) else None), signed_at


def credentials_of(environ: Mapping[str, Any], cookies: SessionCookies) -> Credentials:
    """Return the credentials of a request. With an Authorization header the session is not looked at.

    That is so whatever the header holds: a program that sends a wrong access token is nobody, and never
    whoever is signed in beside it (RFC 6750 §2: one way of coming in per request).
    """
    if "HTTP_AUTHORIZATION" in environ:
        found = _BEARER.fullmatch(environ["HTTP_AUTHORIZATION"])
        hash = access_tokens.hash_of(found[1]) if found else None
        return {"access_token": hash} if hash else {}
    session_id = cookies.find_session_id(environ)
    return {"session": session_id} if session_id else {}


class _LoginManager(LoginManager):  # type: ignore[misc]
    def _update_remember_cookie(self, response: Response) -> Response:
        """There is none; to look for it would make every answer one that varies by cookie."""
        return response


def make_login_manager(now: Any, settings: Any) -> LoginManager:
    """Return Flask-Login set up so that our session rows are the only session system.

    Its own `session_protection`, freshness and remember cookie are a second one and stay off.
    """
    manager = _LoginManager()
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(session_id: str) -> SignedIn | None:
        try:
            found = find_person_in_session(session_id, now=now(), settings=settings)
        except DBAPIError as error:
            g._login_user = AnonymousUserMixin()  # The page that says so must not ask again.
            raise Busy("The database does not answer at this moment. Try again in a few seconds.") from error
        return SignedIn(*found) if found else None

    return manager
