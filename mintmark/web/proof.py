"""Proving with a password who one is: at sign-in, and once more before what is dangerous.

Who asks is told nothing: an unknown person, a wrong password and somebody switched off get
the same words, status and work (ASVS 6.3.8). An attempt is counted before it is tried.
"""

from flask import g, request, session
from flask_login import current_user, login_user

from mintmark import log, passwords, sessions, throttle
from mintmark.errors import LimitReached
from mintmark.fields import MAX_USERNAME, identifier_key
from mintmark.log import Occasion
from mintmark.models import Person, writing
from mintmark.people import find_person, lock_person
from mintmark.web import get_mint
from mintmark.web.csrf import csrf_token, keep_csrf_token
from mintmark.who import SignedIn


def count_attempt(username: str, now: float) -> None:
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


def verify_and_begin(username: str, password: str, now: float) -> bool:
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


def begin_session(person: Person, now: float) -> None:
    """Sign a person in within the caller's transaction; a session of this browser ends (ASVS 7.2.4).

    Who proves once more who they are keeps the forms that stand open in other tabs.
    """
    before = current_user if current_user.is_authenticated else None
    is_same = before is not None and before.person.id == person.id
    token = csrf_token() if is_same else None
    if before is not None:
        sessions.end(before.get_id(), now=now)
        if not is_same:
            _note_replaced(before.person, person, now)
    row = sessions.begin(person, now=now, address=request.remote_addr, device=request.user_agent.string)
    session.clear()
    if token is not None:
        keep_csrf_token(token)
    login_user(SignedIn(person, row))


def _note_replaced(before: Person, person: Person, now: float) -> None:
    """A browser that was somebody's is somebody else's now: the log says so (ASVS 7.6.2)."""
    by = Occasion(now, before.id, request.remote_addr, g.request_id)
    log.note("person.signed_out", by, person=before.id, detail={"replaced_by": person.id})


def _note_refusal(person: Person | None, is_right: bool, now: float) -> None:
    """The typed name is not logged where nobody has it: it may be a password."""
    code = "unknown_person" if person is None else "switched_off" if is_right and not person.live else "wrong_password"
    by = Occasion(now, None, request.remote_addr, g.request_id)
    log.note("person.sign_in_refused", by, outcome="refused", code=code, person=person.id if person else None)
