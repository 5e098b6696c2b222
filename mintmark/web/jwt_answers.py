"""The answers of `/auth/jwt`: JSON for programs, pages for people, and nothing finer than the row of a refusal.

Rule: neither holds a token, and the page that asks holds it sealed, for the browser that was asked.
"""

from typing import Any

from flask import g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin

from mintmark.errors import MintmarkError
from mintmark.issuers import arriving
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.refusals import TokenRefused
from mintmark.models import Person
from mintmark.readers import display_name_of
from mintmark.web import sealed_state
from mintmark.web.csrf import FormRefused
from mintmark.web.jwt_given import wants_page
from mintmark.web.policy import policy
from mintmark.web.return_to import origin_of

_PAGE = "signin_ask"
_WORDS = "This page is too old, or was not shown to this browser. Go back to where the link was, and take a new one."


def signed_in(person: Person, return_to: str) -> ResponseReturnValue:
    """Tell a program who is signed in now, and where they wanted to go."""
    names = (person.display_name, person.first_name, person.last_name, person.username)
    user = {
        "id": person.id,
        "username": person.username,
        "email": person.email,
        "display_name": display_name_of(*names),
    }
    return {"user": user, "return_to": return_to}, 200


def refused(error: TokenRefused, *, as_page: bool) -> ResponseReturnValue:
    """Tell the row of a refusal; which check failed stands in the log."""
    row = error.row
    headers = {"WWW-Authenticate": "Bearer"} if row.status == 401 else {}
    if as_page:
        return render_template("signin_refused.html", row=row, request_id=g.request_id), row.status, headers
    return {"error": row.error, "code": row.code}, row.status, headers


def busy(error: MintmarkError) -> ResponseReturnValue:
    """Tell that the database does not answer; the page does not ask it who is signed in."""
    headers = {"Retry-After": "5"}
    if not wants_page(request) and request.endpoint == "jwt_signin.sign_in":
        return {"error": "Try again", "code": "busy"}, 503, headers
    g._login_user = AnonymousUserMixin()
    words = {"title": "Too busy at this moment", "words": str(error)}
    return render_template("error.html", status=503, **words), 503, headers


def ask(arrival: Arrival, token: str, said: dict[str, Any], return_to: str) -> ResponseReturnValue:
    """Show who would be signed in by whom, and ask; `said` is what decides where to go on, besides the token."""
    leads_to = origin_of(return_to)
    page = make_response(
        render_template(
            "signin_ask.html",
            arrival=arrival,
            person=arriving.find_person(arrival),
            username=arriving.username_of(arrival),
            leads_to=leads_to,
            sealed=sealed_state.seal({"token": token, **said}, _PAGE),
        )
    )
    page.headers["Content-Security-Policy"] = policy(leads_to=leads_to)
    return page


def asked() -> dict[str, Any]:
    """Return what the page that asked had sealed. Raises FormRefused where it was not this browser that was asked."""
    found = sealed_state.find(request.form.get("token", ""), _PAGE)
    if found is None:
        raise FormRefused(_WORDS)
    return found
