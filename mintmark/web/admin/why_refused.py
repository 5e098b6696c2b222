"""Why was it refused? A pasted token, or a refused sign-in whose claims were kept, held to every issuer's checks.

Rule: nothing of a pasted token is kept: it stands in no address, no log and no error, only in the answer to whoever
pasted it. Nothing is changed or fetched.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import select, text

from mintmark.claims_shown import as_json, rows_of
from mintmark.issuers import checking, explaining, kept_refusals
from mintmark.issuers.explaining import Sent
from mintmark.issuers.refusals import TokenRefused
from mintmark.issuers.rules import BODY, CODE, HEADER, QUERY
from mintmark.models import LogRow, RefusedToken, db
from mintmark.unverified import UnverifiedToken
from mintmark.web import get_mint
from mintmark.web.admin.why_sources import all_sources, see_page
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, shown, typed
from mintmark.web.keyset import asked

bp = Blueprint("why_refused", __name__, url_prefix="/admin/issuers/why")
TRANSPORTS = [(BODY, "In a body (POST)"), (HEADER, "In a header"), (QUERY, "In the address")]
_BY_WAYS = (HEADER, BODY, QUERY, CODE)
_CHOICES = tuple(value for value, _ in TRANSPORTS)


@dataclass(frozen=True, slots=True)
class _Pasted:
    """A token without what it was copied with, which says by which way it came and where its bearer asked to go."""

    token: str
    transport: str
    return_to: str | None = None

    def __repr__(self) -> str:
        return "<Pasted>"


@bp.get("")
def form() -> ResponseReturnValue:
    """Show the empty form, or why a sign-in of the log was refused."""
    number = asked("request").strip()[:32]
    if not number:
        return _page(Form({"token": "", "transport": BODY}))
    now, is_keeping = get_mint().clock(), get_mint().settings.keep_refused
    kept_refusals.tidy(db.engine, now=now, is_keeping=is_keeping)
    kept = kept_refusals.find(number, now=now) if is_keeping else None
    row = _row_of(number)
    told = _told(row)
    more: dict[str, Any] = {"number": number, "kept": kept, "row": row, "said": told, "now": int(now)}
    transport = kept.transport if kept else told.get("transport")
    if kept is not None:
        sent = Sent(now=now, transport=kept.transport, see_page=see_page, is_signature_kept=False)
        more |= _explained(_unsigned(kept), sent)
    return _page(Form({"token": "", "transport": transport if transport in _CHOICES else BODY}), **more)


@bp.post("")
def look() -> ResponseReturnValue:
    """Explain a pasted token."""
    check_csrf()
    values, now = typed("token", "transport"), get_mint().clock()
    transport = values["transport"] if values["transport"] in _BY_WAYS else BODY
    pasted = _taken_out(values["token"].strip(), transport)  # White space around it comes from copying.
    try:
        token = checking.read(pasted.token)
    except TokenRefused as refused:
        words = (
            f"cannot be read, and would be refused with {refused.row.status}, “{refused.row.error}”: {refused.words}"
        )
        return _page(Form(values, {"token": words}), 422)
    sent = Sent(now=now, transport=pasted.transport, see_page=see_page, return_to=pasted.return_to)
    return _page(Form(values | {"transport": pasted.transport}), now=int(now), **_explained(token, sent))


def _taken_out(text: str, transport: str) -> _Pasted:
    """Take the token out of an address or a header that was pasted whole; what is neither stays as it is."""
    scheme, _, rest = text.removeprefix("Authorization:").strip().partition(" ")
    if scheme.lower() == "bearer" and rest:
        return _Pasted(rest.strip(), HEADER)
    try:
        given = parse_qs(urlsplit(text).query) if "token=" in text else {}
    except ValueError:
        given = {}
    if len(given.get("token", ())) != 1:
        return _Pasted(text, transport)
    return _Pasted(given["token"][0], QUERY, next(iter(given.get("return_to", ())), None))


def _told(row: LogRow | None) -> dict[str, Any]:
    """Return what the log knows of a refusal: the check that failed, how, and by which way the token came."""
    found = json.loads(row.detail) if row is not None and row.detail else None
    return found if isinstance(found, dict) else {}


def _unsigned(kept: RefusedToken) -> UnverifiedToken:
    """Return what was kept of a token, which has no signature any more."""
    return UnverifiedToken(kept.header, kept.claims, b"", b"")


def _row_of(number: str) -> LogRow | None:
    """Return the row of the log about a refused sign-in."""
    # The condition of the index, word for word: SQLite takes it for nothing less.
    those = (LogRow.request == number, LogRow.event == "person.sign_in_refused", text("outcome <> 'done'"))
    return db.session.scalars(select(LogRow).where(*those).order_by(LogRow.id).limit(1)).first()


def _explained(token: UnverifiedToken, sent: Sent) -> dict[str, Any]:
    found = explaining.explain_all(token, all_sources(), sent)
    told, named = explaining.verdict(found)
    return {
        "found": found,
        "told": told,
        "named": named,
        "unknown": explaining.unknown_words(token),
        "transport": sent.transport,
        "unverified_header": rows_of(token.unverified_header),
        "unverified_claims": rows_of(token.unverified_claims),
        "unverified_json": as_json({"header": token.unverified_header, "claims": token.unverified_claims}, indent=2),
    }


def _page(form: Form, status: int = 200, **more: Any) -> ResponseReturnValue:
    is_kept_here = get_mint().settings.keep_refused
    return shown("admin/why_refused.html", form, status, transports=TRANSPORTS, is_kept_here=is_kept_here, **more)
