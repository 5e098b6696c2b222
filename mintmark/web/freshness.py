"""Step-up: what changes a secret, or who is an administrator, asks for the password once more (ASVS 7.5.3).

The form itself holds the field, where it is needed, so that nothing that was typed is lost. A
right password begins a new session, as every sign-in does; the next fifteen minutes are free.
Who has a password types it, however they came in: an issuer or provider may sign in whoever sits
at the browser without asking them anything. Who has none proves it by signing in there.
"""

from flask import request, session
from flask_login import current_user

from mintmark.errors import Busy, LimitReached
from mintmark.web import get_mint
from mintmark.web.forms import Problems
from mintmark.web.proof import AUTHENTICATED_AT, PROVED_AT, count_attempt, verify_and_begin

FRESH_SECONDS = 15 * 60
FIELD = "own_password"


def is_fresh() -> bool:
    """Tell whether who is signed in proved who they are within the last fifteen minutes."""
    if not current_user.is_authenticated:
        return False
    proved_at = _proved_at()
    return proved_at is not None and get_mint().clock() - proved_at <= FRESH_SECONDS


def _proved_at() -> int | None:
    row = current_user.session
    if row.source_id is None:
        return int(row.signed_in_at)
    known = session.get(AUTHENTICATED_AT, row.signed_in_at) if has_no_password() else session.get(PROVED_AT)
    return None if known is None else int(known)


def has_no_password() -> bool:
    """Tell whether who is signed in could say none; whom an issuer signs in may have none here."""
    return bool(current_user.is_authenticated and current_user.person.password_hash is None)


def confirm(problems: Problems) -> None:
    """Verify the posted password where the last proof is too old; what is wrong becomes a problem of its field."""
    if is_fresh():
        return
    given, username, now = request.form.get(FIELD, ""), current_user.person.username, get_mint().clock()
    if has_no_password():
        problems.add(FIELD, "is none: sign out, sign in again the way you came, and do this within 15 minutes")
        return
    if not given:
        problems.add(FIELD, "is needed: you typed it more than 15 minutes ago, or came in without it")
        return
    try:
        count_attempt(username, now)
        if not verify_and_begin(username, given, now):
            problems.add(FIELD, "is not right")
    except (LimitReached, Busy) as error:
        problems.add(FIELD, f"was not tried: {error}")
