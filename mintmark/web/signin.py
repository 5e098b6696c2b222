"""Signing in with a password, and signing out."""

from flask import Blueprint, make_response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from mintmark import log, passwords, sessions
from mintmark.errors import Busy, LimitReached
from mintmark.fields import MAX_USERNAME
from mintmark.models import writing
from mintmark.openid import provider_sessions
from mintmark.web import get_mint, provider_sign_out, ways_in
from mintmark.web.csrf import check_csrf
from mintmark.web.next_page import ONWARD, is_launch, next_page
from mintmark.web.occasion import occasion
from mintmark.web.proof import count_attempt, verify_and_begin

bp = Blueprint("signin", __name__)
WRONG = "This name and password do not belong together. Try again, or ask an administrator for a new password."


@bp.get("/login")
def form() -> ResponseReturnValue:
    """Show the form; who is signed in goes on."""
    wanted = request.args.get("next", "")
    if current_user.is_authenticated:
        return redirect(next_page(wanted), 303)
    return _page("", wanted, None)


@bp.post("/login")
def sign_in() -> ResponseReturnValue:
    """Count, verify, begin a new session."""
    check_csrf()
    username, now = request.form.get("username", ""), get_mint().clock()
    try:
        passwords.see_place()  # In a burst most are sent off here, before anything is written for them.
        count_attempt(username, now)
        is_signed_in = verify_and_begin(username, request.form.get("password", ""), now)
    except LimitReached as error:
        return _form(username, str(error), 429, {"Retry-After": str(error.retry_after)})
    except Busy as error:
        return _form(username, str(error), 503, {"Retry-After": "5"})
    if not is_signed_in:
        return _form(username, WRONG, 422, {})
    address = next_page(request.form.get("next"))
    if is_launch(address):
        session[ONWARD] = True
    return redirect(address, 303)


@bp.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session on the server; who came by an OpenID provider is led on there, to sign out too."""
    check_csrf()
    mint, kept = get_mint(), None
    if current_user.is_authenticated:
        with writing():
            kept = provider_sessions.find(current_user.get_id(), sealer=mint.settings.sealer)
            sessions.end(current_user.get_id(), now=mint.clock())
            log.note("person.signed_out", occasion(), person=current_user.person.id)
    logout_user()
    session.clear()
    response = provider_sign_out.page(kept) or make_response(redirect(next_page(None), 303))
    response.headers["Clear-Site-Data"] = '"storage"'  # Never "cookies": that signs people out of the whole domain.
    return response


def _form(username: str, problem: str, status: int, headers: dict[str, str]) -> ResponseReturnValue:
    return _page(username[:MAX_USERNAME], request.form.get("next", ""), problem), status, headers


def _page(username: str, wanted: str, problem: str | None) -> str:
    ways = ways_in.of_sign_in(wanted)
    return render_template("login.html", username=username, next=wanted, problem=problem, ways=ways)
