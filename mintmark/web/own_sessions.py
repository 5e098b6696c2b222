"""One's own sessions: on which device, since when, used when; ended one by one, or all others (ASVS 7.5.2).

The id of a session is what signs in: pages name a session by a hash of it.
"""

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import sessions as acts
from mintmark.models import Session, writing
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.occasion import occasion

bp = Blueprint("own_sessions", __name__, url_prefix="/account/sessions")
# What a browser says of itself → what it is, the first that is met; most name those they descend from too.
_BROWSERS = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
]
_SYSTEMS = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """One session as the page shows it."""

    row: Session
    handle: str
    device: str
    is_this: bool


@bp.get("")
def sessions() -> str:
    """Show the live sessions, those used last first."""
    mint = get_mint()
    rows, amount = acts.list_live(current_user.person.id, now=mint.clock(), settings=mint.settings)
    this = current_user.get_id()
    listed = [Shown(row, acts.handle_of(row.id), device_in_words(row.device or ""), row.id == this) for row in rows]
    return render_template("own_sessions.html", sessions=listed, amount=amount)


@bp.post("/end")
def end_session() -> ResponseReturnValue:
    """End one session."""
    check_csrf()
    handle = request.form.get("session", "")
    with writing():
        is_ended = acts.end_by_handle(current_user.person.id, handle, by=occasion())
    flash("That session is ended." if is_ended else "That session had ended already.")
    return redirect(url_for("own_sessions.sessions"), 303)


@bp.post("/end-others")
def end_others() -> ResponseReturnValue:
    """End every session but this one."""
    check_csrf()
    with writing():
        acts.end_others(current_user.person.id, current_user.get_id(), by=occasion())
    flash("You are signed out everywhere but here.")
    return redirect(url_for("own_sessions.sessions"), 303)


def device_in_words(user_agent: str) -> str:
    """Guess a device from what its browser said of itself, which may be anything."""
    browser = next((words for piece, words in _BROWSERS if piece in user_agent), "")
    system = next((words for piece, words in _SYSTEMS if piece in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or "Unknown device"
