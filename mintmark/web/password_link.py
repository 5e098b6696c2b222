"""Setting a password by a one-time link, which an administrator made for a person; open to strangers.

It never signs anybody in, and whoever is signed in in this browser stays so (ASVS 7.6.2). A code that is none is
counted by the address it comes from; who has a good one may try until the password is good enough.
"""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import password_links, passwords
from mintmark.errors import LimitReached
from mintmark.log import Occasion
from mintmark.models import Person, writing
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown
from mintmark.web.origins import OriginRefused, see_origin
from mintmark.web.proof import count_attempt

bp = Blueprint("password_link", __name__, url_prefix="/setup/password")


@bp.get("")
def form() -> ResponseReturnValue:
    """Show the form to who has a good code, and whom it is for."""
    code = request.args.get("code", "")
    return _page(_get_person(code), code, {}, 200)


@bp.post("")
def set_password() -> ResponseReturnValue:
    """Set the password; the code is used up, and all sessions of its person end."""
    check_csrf()
    code, password, problems = request.form.get("code", ""), request.form.get("password", ""), Problems()
    person = _get_person(code)
    with problems.of("password"):
        passwords.read_password(password, username=person.username)
    if problems.found:
        return _page(person, code, problems.found, 422)
    password_hash = passwords.hash_password(password)
    with writing():
        by = Occasion(get_mint().clock(), "link", request.remote_addr, g.request_id)
        person = password_links.use(code, password_hash, by=by)
    flash(f"The password of {person.username} is set. Sign in with it.")
    return redirect(url_for("signin.form"), 303)


@bp.errorhandler(LimitReached)
def too_many(error: LimitReached) -> ResponseReturnValue:
    """Say when to try again."""
    page = render_template("error.html", status=429, title="Too many attempts", words=str(error))
    return page, 429, {"Retry-After": str(error.retry_after)}


def _get_person(code: str) -> Person:
    """Raises NotFound, or LimitReached where too many codes that are none came from this address."""
    now = get_mint().clock()
    if password_links.find_person(code, now=now) is None and not _is_sent_by_another_page():
        count_attempt(None, now)
    return password_links.get_person(code, now=now)


def _is_sent_by_another_page() -> bool:
    """Tell pictures and the like of other sites, which could use up the attempts of everybody at this address."""
    try:
        see_origin(request, get_mint().settings)
    except OriginRefused:
        return True
    return False


def _page(person: Person, code: str, problems: dict[str, str], status: int) -> tuple[str, int]:
    other = current_user.person if current_user.is_authenticated and current_user.person.id != person.id else None
    return shown("password_link.html", Form({}, problems), status, person=person, other=other, code=code)
