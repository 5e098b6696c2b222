"""One's own password, changed with the present one, whenever one signed in (ASVS 6.2.3)."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark.errors import LimitReached
from mintmark.passwords import read_password
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.proof import count_attempt, verify_and_begin

bp = Blueprint("own_password", __name__, url_prefix="/account/password")


@bp.get("")
def form() -> str:
    """Show the form; who has no password here is told who can give one."""
    return _page({})


@bp.post("")
def change_password() -> ResponseReturnValue:
    """Set the new password; every other session ends, and a new one begins here (ASVS 7.2.4, 7.4.3)."""
    check_csrf()
    username, now, problems = current_user.person.username, get_mint().clock(), Problems()
    new = request.form.get("password", "")
    with problems.of("password"):
        read_password(new, username=username)
    if problems.found:
        return _page(problems.found), 422
    try:
        count_attempt(username, now)
    except LimitReached as error:
        return _page({"present_password": f"was not tried: {error}"}), 429, {"Retry-After": str(error.retry_after)}
    if not verify_and_begin(username, request.form.get("present_password", ""), now, new_password=new):
        return _page({"present_password": "is not right"}), 422
    flash("Your password is changed. You are signed out everywhere else.")
    return redirect(url_for("account.account"), 303)


def _page(problems: dict[str, str]) -> str:
    has_password = current_user.person.password_hash is not None
    return render_template("own_password.html", form=Form({}, problems), has_password=has_password)
