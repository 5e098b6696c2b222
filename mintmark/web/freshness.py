"""Step-up: what changes a secret, or who is an administrator, asks for the password once more (ASVS 7.5.3).

The form itself holds the field, where it is needed, so that nothing that was typed is lost. A
right password begins a new session, as every sign-in does; the next fifteen minutes are free.
"""

from flask import request
from flask_login import current_user

from mintmark.errors import Busy, LimitReached
from mintmark.web import get_mint
from mintmark.web.forms import Problems
from mintmark.web.proof import count_attempt, verify_and_begin

FRESH_SECONDS = 15 * 60
FIELD = "own_password"


def is_fresh() -> bool:
    """Tell whether who is signed in proved who they are within the last fifteen minutes."""
    if not current_user.is_authenticated:
        return False
    return bool(get_mint().clock() - current_user.session.signed_in_at <= FRESH_SECONDS)


def confirm(problems: Problems) -> None:
    """Verify the posted password where the last proof is too old; what is wrong becomes a problem of its field."""
    if is_fresh():
        return
    given, username, now = request.form.get(FIELD, ""), current_user.person.username, get_mint().clock()
    if current_user.person.password_hash is None:
        problems.add(FIELD, "is none: sign out, sign in again, and do this within 15 minutes")
        return
    if not given:
        problems.add(FIELD, "is needed: your last sign-in was more than 15 minutes ago")
        return
    try:
        count_attempt(username, now)
        if not verify_and_begin(username, given, now):
            problems.add(FIELD, "is not right")
    except (LimitReached, Busy) as error:
        problems.add(FIELD, f"was not tried: {error}")
