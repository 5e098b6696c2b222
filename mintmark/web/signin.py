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
from mintmark.people import find_person, lock_person
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.next_page import next_page
from mintmark.who import SignedIn

bp = Blueprint("signin", __name__)
WRONG = "This name and password do not belong together. Try again, or ask an administrator for a new password."


@bp.get("/login")
def form() -> ResponseReturnValue:
    """Show the form; who is signed in goes on."""
    if current_user.is_authenticated:
        return redirect(next_page(request.args.get("next")), 303)
    return render_template("login.html", username="", next=request.args.get("next", ""), problem=None)


@bp.post("/login")
def sign_in() -> ResponseReturnValue:
    """Count, verify, begin a new session."""
    check_csrf()
    username, now = request.form.get("username", ""), get_mint().clock()
    try:
        _count_attempt(username, now)
        is_signed_in = _verify_and_begin(username, request.form.get("password", ""), now)
    except LimitReached as error:
        return _form(username, str(error), 429, {"Retry-After": str(error.retry_after)})
    except Busy as error:
        return _form(username, str(error), 503, {"Retry-After": "5"})
    if not is_signed_in:
        return _form(username, WRONG, 422, {})
    return redirect(next_page(request.form.get("next")), 303)


@bp.post("/logout")
def sign_out() -> ResponseReturnValue:
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
    settings, fuse = get_mint().settings, get_mint().fuse
    secret = settings.sealer.keys[0].derive("attempts")
    keys = throttle.attempt_keys(identifier_key(username[: MAX_USERNAME * 4]), request.remote_addr, secret)
    try:
        waits = (fuse.hit_shared(settings.limit_sign_in, "sign-in", key) for key in keys)
        wait = next((wait for wait in waits if wait is not None), None)
    except throttle.NotShared:
        with writing():
            wait = throttle.count_attempt(keys, settings.limit_sign_in, now=now)
    if wait is not None:
        log.say("person.sign_in_refused", request=g.request_id, code="limit_reached", address=request.remote_addr)
        raise LimitReached(wait)


def _verify_and_begin(username: str, password: str, now: float) -> bool:
    """Begin a session if name and password belong together; tell whether they did.

    The work of the password is done before the transaction; within it the person is read anew and
    must still be live and have the password that was verified: a reset meanwhile wins.
    """
    found = find_person(username)
    person_id, verified = (found.id, found.password_hash) if found else (None, None)
    is_right = passwords.matches(verified, password)
    fresh = passwords.hash_password(password) if verified and is_right and passwords.needs_rehash(verified) else None
    with writing():
        person = lock_person(person_id) if person_id else None
        if person is None or not is_right or not person.live or person.password_hash != verified:
            _note_refusal(person, is_right, now)
            return False
        person.password_hash = fresh or verified
        begin_session(person, now)
        return True


def _note_refusal(person: Person | None, is_right: bool, now: float) -> None:
    """The typed name is not logged where nobody has it: it may be a password."""
    code = "unknown_person" if person is None else "switched_off" if is_right and not person.live else "wrong_password"
    columns = {"person": person.id if person else None, "request": g.request_id, "address": request.remote_addr}
    log.note("person.sign_in_refused", now=now, actor=None, outcome="refused", code=code, **columns)


def _form(username: str, problem: str, status: int, headers: dict[str, str]) -> tuple[str, int, dict[str, str]]:
    page = render_template(
        "login.html", username=username[:MAX_USERNAME], next=request.form.get("next", ""), problem=problem
    )
    return page, status, headers
