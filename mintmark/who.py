"""Who asks: from the cookie and headers of a request to a session id, whichever door.

The session id stands signed in Flask's session cookie, where Flask-Login keeps it as its
user id. Pages get the person through Flask-Login, the token endpoint through `session_id_of` and
its one query; both hold the session to `mintmark.sessions.limits`.
"""

from typing import Any

from flask import Request, Response, g, session
from flask_login import AnonymousUserMixin, LoginManager
from sqlalchemy.exc import DBAPIError

from mintmark.errors import Busy
from mintmark.models import Person, Session
from mintmark.sessions import find_person_in_session

_SESSION_ID = "_user_id"  # Flask-Login's name for it.


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


def session_id_of(request: Request) -> str | None:
    """Return the session id that a request carries; with an Authorization header the session is not looked at."""
    if "Authorization" in request.headers:
        return None
    found: Any = session.get(_SESSION_ID)
    return found if isinstance(found, str) else None


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
