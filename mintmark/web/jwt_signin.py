"""Signing in with the token of a trusted issuer, `/auth/jwt`, for browsers and for programs.

`_sign_in` is the whole story: sender → one token → verified → where to go → admitted, in one transaction. What comes
by a link and not from here is asked about first, on a page (login CSRF, CWE-352); asking spends nothing.
"""

from flask import Blueprint, Response, redirect, request, session
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import DBAPIError
from werkzeug.routing import Rule

from mintmark.errors import Busy, NotFound
from mintmark.issuers import arriving
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.refusals import TokenRefused
from mintmark.issuers.rules import QUERY
from mintmark.models import db
from mintmark.models.base import is_unavailable
from mintmark.web import get_mint, jwt_answers, linking, return_to, starts
from mintmark.web.asking import empty
from mintmark.web.csrf import check_csrf
from mintmark.web.jwt_attempt import TokenAttempt
from mintmark.web.jwt_cors import let_read, listed_origins, preflight
from mintmark.web.jwt_given import Given, read_given, see_sender, transport_of, wants_page
from mintmark.web.next_page import ONWARD, is_launch
from mintmark.web.origins import OriginRefused, began_here, see_navigation
from mintmark.web.rights import NotAllowed

bp = Blueprint("jwt_signin", __name__)
SIGN_IN = "jwt_signin.sign_in"


@bp.record
def _add_rule(state: BlueprintSetupState) -> None:
    """Take every method, so that what signs nobody in is answered here, and not by the router."""
    state.app.url_map.add(Rule("/auth/jwt", endpoint=SIGN_IN, methods=None))
    state.app.view_functions[SIGN_IN] = sign_in


@bp.after_request
def tell_nobody(response: Response) -> Response:
    """Whoever is led to learns nothing of an address that held a token (RFC 9700 §4.2.4)."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return let_read(response) if request.endpoint == SIGN_IN else response


@bp.errorhandler(Busy)
def _say_busy(error: Busy) -> ResponseReturnValue:
    return jwt_answers.busy(error)


@bp.errorhandler(DBAPIError)
def _say_unavailable(error: DBAPIError) -> ResponseReturnValue:
    if not is_unavailable(error):
        raise error
    db.session.rollback()
    return jwt_answers.busy(Busy("The database does not answer at this moment. Try again in a few seconds."))


def sign_in() -> ResponseReturnValue:
    """Sign in whom a token names, or say why not."""
    method = request.environ["REQUEST_METHOD"]  # As it was sent: methods are case-sensitive (RFC 9110 §9.1).
    if method == "OPTIONS":
        return preflight()
    if method not in ("GET", "POST"):
        response = empty(405)
        response.headers["Allow"] = "GET, OPTIONS, POST"
        return response
    attempt = TokenAttempt(transport_of(request))
    try:
        return _sign_in(attempt)
    except TokenRefused as error:
        attempt.note(error)
        return jwt_answers.refused(error, as_page=wants_page(request))


def _sign_in(attempt: TokenAttempt) -> ResponseReturnValue:
    see_sender(request, get_mint().settings, listed_origins())
    given = read_given(request)
    arrival = attempt.verify(given.token)
    if wants_page(request):
        return _go_or_ask(attempt, given, arrival)
    address = return_to.resolve(given.return_to, arrival.claims.get("redirect_url"), None, origins=attempt.origins)
    return jwt_answers.signed_in(attempt.sign_in(arrival), address)


def _go_or_ask(attempt: TokenAttempt, given: Given, arrival: Arrival) -> ResponseReturnValue:
    """Sign in who began here and would not be somebody else; ask everybody else first."""
    begun = starts.find(arrival.source_id, now=attempt.now)
    said = {"return_to": given.return_to, "next": begun.wanted if begun else None}
    address = _address(attempt, arrival, said)
    if linking.is_linking(arrival.source_id, attempt.now):
        return linking.ask(arrival)
    arriving.see_may_arrive(arrival)
    is_from_here = begun is not None or began_here(request, get_mint().settings)
    if not is_from_here or _would_replace_somebody(arrival):
        return jwt_answers.ask(arrival, given.token, said, address)
    attempt.sign_in(arrival)
    return redirect(address, 303)


@bp.post("/auth/jwt/confirm", provide_automatic_options=False)
def confirm() -> ResponseReturnValue:
    """Sign in whom the page asked about: everything is verified again, and the token spent now."""
    check_csrf()
    said, attempt = jwt_answers.asked(), TokenAttempt(QUERY)
    try:
        arrival = attempt.verify(said["token"])
        address = _address(attempt, arrival, said)
        attempt.sign_in(arrival)
    except TokenRefused as error:
        attempt.note(error)
        return jwt_answers.refused(error, as_page=True)
    if is_launch(address):
        session[ONWARD] = True
    return redirect(address, 303)


@bp.get("/auth/jwt/start/<name>", provide_automatic_options=False)
def start(name: str) -> ResponseReturnValue:
    """Go to the issuer's own sign-in, and remember that it began here."""
    try:
        see_navigation(request, get_mint().settings)
    except OriginRefused as error:
        raise NotAllowed("Open this by a link or in the address bar; no page may do so out of sight.") from error
    row = starts.find_issuer(name)
    if row is None:
        raise NotFound("Nobody of this name signs people in here.")
    starts.begin(row.id, request.args.get("next"), now=get_mint().clock())
    return redirect(row.definition["start_url"], 303)


def _address(attempt: TokenAttempt, arrival: Arrival, said: dict[str, str | None]) -> str:
    claimed = arrival.claims.get("redirect_url")
    return return_to.resolve(said["return_to"], claimed, said["next"], origins=attempt.origins)


def _would_replace_somebody(arrival: Arrival) -> bool:
    """Tell whether somebody else is signed in in this browser (ASVS 7.6.2)."""
    person = arriving.find_person(arrival)
    return current_user.is_authenticated and (person is None or person.id != current_user.person.id)
