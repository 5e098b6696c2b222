"""The front door of Mintmark: builds the site, says who may enter, what is refused and what leaves.

`flask --app app …` and the server call `create_app`. Everything is closed unless its endpoint
stands in OPEN_ENDPOINTS. The token endpoint is open because it decides for itself, request by
request (mintmark/web/door.py).
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin, current_user
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from mintmark import commands, errors, issue, log, sessions
from mintmark.config import Settings, take_settings
from mintmark.models import db, writing
from mintmark.models.base import engine_options, is_unavailable, set_up_engine
from mintmark.moment import duration_in_words, iso
from mintmark.readers import display_name_of
from mintmark.web import asking, door, get_mint, metrics, pages, probes, refusals, wellknown
from mintmark.web.csrf import FormRefused, csrf_token
from mintmark.web.environ import Environ
from mintmark.web.freshness import has_no_password, is_fresh
from mintmark.web.next_page import LAUNCH, next_page
from mintmark.web.reminders import keys_to_replace
from mintmark.web.rights import NotAllowed, may_administer, see_right
from mintmark.web.rooms import rooms
from mintmark.web.threshold import FOR_NO_CACHE, find_refusal, headers_for_all
from mintmark.who import make_login_manager

OPEN_ENDPOINTS = frozenset({"static", "signin.form", "signin.sign_in", "signin.sign_out", "setup.setup",
                            "jwt_signin.sign_in", "jwt_signin.confirm", "jwt_signin.start", "oidc.start",
                            "oidc.callback", "setup.make_first_administrator", "password_link.form",
                            "password_link.set_password", door.ENDPOINT, metrics.ENDPOINT, *probes.ENDPOINTS,
                            *wellknown.ENDPOINTS})  # fmt: skip
# They do not ask who is signed in, or ask themselves.
WITHOUT_SESSION = OPEN_ENDPOINTS & {door.ENDPOINT, metrics.ENDPOINT, "static", *probes.ENDPOINTS, *wellknown.ENDPOINTS}
FOR_CACHES = WITHOUT_SESSION & {"static", *wellknown.ENDPOINTS}  # The same for everybody.
FOR_OTHER_SITES = "mintmark.js"  # The one static file that pages of other origins load.
MAX_BODY_BYTES = 64 * 1024
# class → (status, title); whatever is not in this table is a bug and answers 500.
PAGES: dict[type[errors.MintmarkError], tuple[int, str]] = {
    FormRefused: (400, "This form was refused"),
    NotAllowed: (403, "Not for you"),
    errors.NotFound: (404, "Nothing here"),
    errors.Busy: (503, "Too busy at this moment"),
}


def create_app(overrides: Mapping[str, str] | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Build the site from `MINTMARK_*` variables; `overrides` replaces some, by their names without the prefix.

    Raises ConfigurationError with what to do. The database is not touched.
    """
    try:
        settings = take_settings(overrides)
    except errors.ConfigurationError as error:
        raise commands.said_plainly(error) from None
    app = Flask(__name__, instance_path=str(settings.instance))
    app.config.update(_flask_config(settings))
    app.url_map.merge_slashes = False  # One spelling serves; nothing is redirected to a tidier one.
    db.init_app(app)
    with app.app_context():
        set_up_engine(db.engine, settings)
        app.extensions["mintmark"] = issue.Mint(settings, db.engine, clock)
    make_login_manager(clock, settings).init_app(app)
    pages.init_app(app)
    commands.init_app(app)
    _guard(app)
    app.jinja_env.globals.update(
        csrf_token=csrf_token, rooms=rooms, is_fresh=is_fresh, has_no_password=has_no_password,
        may_administer=may_administer, iso=iso,
        duration_in_words=duration_in_words, display_name_of=display_name_of, is_insecure=settings.is_exposed,
        keys_to_replace=keys_to_replace,
    )  # fmt: skip
    wsgi: Any = door.TokenDoor(app, app.wsgi_app)
    if settings.trusted_proxies:
        wsgi = ProxyFix(wsgi, x_for=settings.trusted_proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0)
    app.wsgi_app = Environ(wsgi, settings, body_limit=MAX_BODY_BYTES)  # type: ignore[method-assign]
    return app


def _flask_config(settings: Settings) -> dict[str, Any]:
    has_path = bool(settings.base_path)
    prefix = ("__Secure-" if has_path else "__Host-") if settings.is_https else ""
    first, *others = [key.derive("session") for key in settings.sealer.keys]
    return {
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "SECRET_KEY": first,
        "SECRET_KEY_FALLBACKS": others,
        "SESSION_COOKIE_NAME": prefix + "mintmark",
        "SESSION_COOKIE_PATH": settings.base_path or "/",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "None" if settings.cross_site else "Lax",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings),
    }


def _guard(app: Flask) -> None:
    app.before_request(_let_in)
    app.after_request(_send_off)
    app.register_error_handler(errors.MintmarkError, _show_refusal)
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(Exception, _show_bug)


def _let_in() -> ResponseReturnValue | None:
    """Host, body, and whether this door is open to whoever asks."""
    g.request_id = issue.make_request_id()
    mint = get_mint()
    if refusal := find_refusal(request.environ, mint.settings, g.request_id):
        response = asking.empty(refusal.status)
        if refusal.may_retry:
            response.headers["Retry-After"] = "1"
        return response
    if request.environ.get("PATH_INFO", "").startswith("//"):  # Werkzeug would take the first slash off.
        return refusals.answer_routing_error(NotFound())
    if request.endpoint is None or request.endpoint in WITHOUT_SESSION:
        return None
    if "Transfer-Encoding" in request.headers:  # A chunked body would be cut at the limit, not refused.
        return asking.empty(411)
    if current_user.is_authenticated:
        _touch_session(mint)
        see_right()
    elif request.endpoint not in OPEN_ENDPOINTS:
        return _send_to_sign_in()
    return None


def _touch_session(mint: issue.Mint) -> None:
    """Write down that the session was used; a page that only reads does not fail where that cannot be written."""
    now, session = mint.clock(), current_user.session
    if sessions.is_touch_due(session.last_used_at, now, mint.settings):
        session_id = session.id
        with suppress(errors.Busy), writing():
            sessions.touch(session_id, now=now)


def _send_to_sign_in() -> ResponseReturnValue:
    if request.method != "GET":
        return _error_page(403, "Sign in first", "Nobody is signed in.")
    wanted = request.script_root + (request.full_path if request.query_string else request.path)
    wanted = next_page(wanted) if request.endpoint == LAUNCH else wanted  # Only what its asset declares comes back.
    return redirect(url_for("signin.form", next=None if request.path == "/" else wanted), 303)


def _send_off(response: Response) -> Response:
    """What every answer carries. Nothing but static files and key sets may be kept by a cache."""
    response.headers["Mintmark-Request"] = g.get("request_id", "none")
    if request.endpoint not in FOR_CACHES or response.status_code not in (200, 206, 304):
        response.headers.update(FOR_NO_CACHE)
    elif request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=3600"
        if (request.view_args or {}).get("filename") == FOR_OTHER_SITES:
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    for name, value in headers_for_all(get_mint().settings).items():
        response.headers.setdefault(name, value)
    return response


def _show_refusal(error: errors.MintmarkError) -> ResponseReturnValue:
    kind = next((kind for kind in PAGES if isinstance(error, kind)), None)
    return _show_bug(error) if kind is None else _error_page(*PAGES[kind], str(error))


def _show_http_error(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, NotFound | MethodNotAllowed):
        return refusals.answer_routing_error(error)
    return _error_page(error.code or 500, error.name, error.description or "The request cannot be answered.")


def _show_bug(error: Exception) -> ResponseReturnValue:
    """Anything else is a bug of ours: said in the log by its kind and place, and to the asker by its id only."""
    if isinstance(error, SQLAlchemyError) and is_unavailable(error):
        return _show_refusal(errors.Busy("The database does not answer at this moment. Try again in a few seconds."))
    log.say_bug(error, request=g.get("request_id"))
    words = f"Something went wrong on our side. An administrator finds it under {g.get('request_id')}."
    return _error_page(500, "Our mistake", words)


def _error_page(status: int, title: str, words: str) -> ResponseReturnValue:
    """Show an error without asking the database who is signed in, for that may be what failed."""
    nobody = AnonymousUserMixin()
    g._login_user = nobody if status >= 500 else g.get("_login_user", nobody)  # A failed transaction answers nothing.
    return render_template("error.html", status=status, title=title, words=words), status
