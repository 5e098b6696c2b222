"""Proving with a password who one is: at sign-in, and once more before what is dangerous.

Who asks is told nothing: an unknown person, a wrong password and somebody switched off get
the same words, status and work (ASVS 6.3.8). An attempt is counted before it is tried. What a
browser proved and when stands in its cookie, beside the session that it is true of.
"""

from typing import Any

from flask import g, request, session
from flask_login import current_user, login_user

from mintmark import log, passwords, sessions, throttle
from mintmark.errors import LimitReached
from mintmark.fields import MAX_USERNAME, identifier_key
from mintmark.log import Occasion
from mintmark.models import Person, Session, writing
from mintmark.people import find_person, lock_person, set_password_hash
from mintmark.sessions import Entrance
from mintmark.web import get_mint, handing_on
from mintmark.web.csrf import csrf_token, keep_csrf_token
from mintmark.who import SignedIn

PROVED_AT = "proved_at"  # When the password was typed, in a session that an issuer or provider began.
AUTHENTICATED_AT = "authenticated_at"  # When a provider says that they signed in there.


def count_attempt(username: str | None, now: float) -> None:
    """Raises LimitReached. The count is committed before the password is looked at.

    Counted are the address and the account; without a username, the address alone.
    """
    settings, fuse = get_mint().settings, get_mint().fuse
    secret = settings.sealer.derive("attempts")
    keys = throttle.attempt_keys(identifier_key((username or "")[: MAX_USERNAME * 4]), request.remote_addr, secret)
    keys = keys[:1] if username is None else keys
    try:
        waits = (fuse.hit_shared(settings.limit_sign_in, "sign-in", key) for key in keys)
        wait = next((wait for wait in waits if wait is not None), None)
    except throttle.NotShared:
        with writing():
            wait = throttle.count_attempt(keys, settings.limit_sign_in, now=now)
    if wait is not None:
        log.say("person.sign_in_refused", request=g.request_id, code="limit_reached", address=request.remote_addr)
        raise LimitReached(wait)


def verify_and_begin(username: str, password: str, now: float, *, new_password: str | None = None) -> bool:
    """Begin a session if name and password belong together; tell whether they did. Then also set a new password.

    The work of the password is done before the transaction; within it the person is read anew and
    must still be live and have the password that was verified: a reset meanwhile wins. Whom an issuer
    signed in, in this browser, stays signed in by it.
    """
    found = find_person(username)
    person_id, verified = (found.id, found.password_hash) if found else (None, None)
    is_right = passwords.matches(verified, password)
    is_weak = is_right and verified is not None and passwords.needs_rehash(verified)
    fresh = passwords.hash_password(new_password or password) if is_right and (new_password or is_weak) else verified
    with writing():
        goes_on = is_right and handing_on.lock_source()
        person = lock_person(person_id) if person_id else None
        if person is None or not is_right or not person.live or person.password_hash != verified:
            _note_refusal(person, is_right, now)
            return False
        handed = handing_on.find(person) if goes_on else None
        person.password_hash = fresh
        if new_password and fresh:
            set_password_hash(person, fresh, by=Occasion(now, person.id, request.remote_addr, g.request_id))
        begun = begin_session(person, now)
        if handed is not None:
            handing_on.give(begun, handed)
    enter(person, begun)
    if handed is not None:
        session[PROVED_AT] = int(now)
    return True


def begin_session(person: Person, now: float, by_way_of: Entrance | None = None) -> Session:
    """Begin a session within the caller's transaction; that of this browser ends (ASVS 7.2.4).

    It is entered once the transaction is committed: a cookie must not name a session that was not kept.
    `by_way_of` is who signs in, where it was no password.
    """
    if current_user.is_authenticated:
        before = current_user.person
        sessions.end(current_user.get_id(), now=now)
        if before.id != person.id:  # What was somebody's browser is somebody else's: the log says so (ASVS 7.6.2).
            by = Occasion(now, before.id, request.remote_addr, g.request_id)
            log.note("person.signed_out", by, person=before.id, detail={"replaced_by": person.id})
    return sessions.begin(
        person,
        now=now,
        address=request.remote_addr,
        device=request.user_agent.string,
        request=g.request_id,
        by_way_of=by_way_of,
    )


def enter(person: Person, begun: Session, *, authenticated_at: Any = None) -> None:
    """Put a session into the cookie. Who proves once more who they are keeps the forms open in other tabs.

    `authenticated_at` is the `auth_time` of a token that was verified (OpenID Connect Core §2); what is no moment
    is one long ago.
    """
    is_same = current_user.is_authenticated and current_user.person.id == person.id
    token = csrf_token() if is_same else None
    session.clear()
    if token is not None:
        keep_csrf_token(token)
    if authenticated_at is not None:
        is_moment = isinstance(authenticated_at, int | float) and not isinstance(authenticated_at, bool)
        session[AUTHENTICATED_AT] = int(max(0, min(authenticated_at, begun.signed_in_at))) if is_moment else 0
    login_user(SignedIn(person, begun))


def _note_refusal(person: Person | None, is_right: bool, now: float) -> None:
    """The typed name is not logged where nobody has it: it may be a password."""
    code = "unknown_person" if person is None else "switched_off" if is_right and not person.live else "wrong_password"
    by = Occasion(now, None, request.remote_addr, g.request_id)
    log.note("person.sign_in_refused", by, outcome="refused", code=code, person=person.id if person else None)
