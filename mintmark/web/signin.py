"""Signing in with a password, and signing out.

Who asks is told nothing: an unknown person, a wrong password and somebody switched off get
the same words, status and work (ASVS 6.3.8). An attempt is counted before it is tried.
"""

from flask import Blueprint, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from mintmark import log, passwords, sessions, throttle
from mintmark.errors import Busy, LimitReached
from mintmark.fields import MAX_USERNAME, identifier_key
from mintmark.models import Person, writing
from mintmark.people import find_person
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.next_page import next_page
from mintmark.who import SignedIn

bp = Blueprint("signin", __name__)
WRONG = "This name and password do not belong together. Try again, or ask an administrator for a new password."


@bp.get("/login")
def login() -> ResponseReturnValue:
    """Show the form; who is signed in goes on."""
    if current_user.is_authenticated:
        return redirect(next_page(request.args.get("next")), 303)
    return render_template("login.html", username="", next=request.args.get("next", ""), problem=None)


@bp.post("/login")
def sign_in() -> ResponseReturnValue:
    """Count, verify, begin a new session."""
    check_csrf()
    username, password = request.form.get("username", ""), request.form.get("password", "")
    now = get_mint().clock()
    try:
        _count_attempt(username, now)
        person = _verify(username, password, now)
    except LimitReached as error:
        return _form(username, str(error), 429, {"Retry-After": str(error.retry_after)})
    except Busy as error:
        return _form(username, str(error), 503, {"Retry-After": "5"})
    if person is None:
        return _form(username, WRONG, 422, {})
    with writing():
        begin_session(person, now)
    return redirect(next_page(request.form.get("next")), 303)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session on the server."""
    check_csrf()
    now = get_mint().clock()
    if current_user.is_authenticated:
        with writing():
            sessions.end(current_user.get_id(), now=now)
            person_id = current_user.person.id
            log.note("person.signed_out", now=now, actor=person_id, address=request.remote_addr, person=person_id)
    logout_user()
    session.clear()
    response = redirect(next_page(None), 303)
    response.headers["Clear-Site-Data"] = '"storage"'  # Never "cookies": that signs people out of the whole domain.
    return response


def begin_session(person: Person, now: float) -> None:
    """Sign a person in within the caller's transaction; a session of this browser ends (ASVS 7.2.4)."""
    if current_user.is_authenticated:
        sessions.end(current_user.get_id(), now=now)
    row = sessions.begin(person, now=now, address=request.remote_addr, device=request.user_agent.string)
    session.clear()
    login_user(SignedIn(person, row))


def _count_attempt(username: str, now: float) -> None:
    """Raises LimitReached. The count is committed before the password is looked at."""
    settings = get_mint().settings
    secret = settings.sealer.keys[0].derive("attempts")
    keys = throttle.attempt_keys(identifier_key(username[: MAX_USERNAME * 4]), request.remote_addr, secret)
    fuse, limit = get_mint().fuse, settings.limit_sign_in
    if fuse.is_shared:
        waits = [fuse.hit(limit, "sign-in", key, now=now) for key in keys]
    else:
        with writing():
            waits = [throttle.count_attempt(keys, limit, now=now)]
    over = [wait for wait in waits if wait is not None]
    if over:
        log.say("person.sign_in_refused", request=g.request_id, code="limit_reached", address=request.remote_addr)
        raise LimitReached(max(over))


def _verify(username: str, password: str, now: float) -> Person | None:
    """Return the person if name and password belong together and the person is live.

    The typed name is not logged where nobody has it: it may be a password.
    """
    person = find_person(username)
    is_right = passwords.matches(person.password_hash if person else None, password)
    if person and is_right and person.live:
        if person.password_hash and passwords.needs_rehash(person.password_hash):
            fresh = passwords.hash_password(password)
            with writing():
                person.password_hash = fresh
        return person
    with writing():
        log.note(
            "person.sign_in_refused",
            now=now,
            actor=None,
            outcome="refused",
            address=request.remote_addr,
            person=person.id if person else None,
            request=g.request_id,
            code=_why(person, is_right),
        )
    return None


def _why(person: Person | None, is_right: bool) -> str:
    if person is None:
        return "unknown_person"
    return "switched_off" if is_right else "wrong_password"


def _form(username: str, problem: str, status: int, headers: dict[str, str]) -> tuple[str, int, dict[str, str]]:
    page = render_template(
        "login.html", username=username[:MAX_USERNAME], next=request.form.get("next", ""), problem=problem
    )
    return page, status, headers
