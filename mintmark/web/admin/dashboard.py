"""The dashboard: tokens over time, the busiest assets, what fails and for whom, and what needs a look."""

from contextlib import suppress

from flask import Blueprint, render_template, request
from sqlalchemy import select

from mintmark.assets import attention
from mintmark.counts import catch_up, reading
from mintmark.errors import Busy
from mintmark.examine.sources import warned_sources
from mintmark.keys.running_out import running_out
from mintmark.models import Asset, db
from mintmark.records.failures import MOST_PEOPLE, recent_failures
from mintmark.web import get_mint

bp = Blueprint("dashboard", __name__, url_prefix="/admin")
# kind → what one and what several of it are.
ATTENTION = {
    "failing": ("asset gives some readers an error", "assets give some readers an error"),
    "unseen": ("asset was saved by an editor and not seen since", "assets were saved by editors and not seen since"),
    "weak": ("asset has a weak secret", "assets have a weak secret"),
    "shared": ("secret is used by several assets", "secrets are used by several assets"),
    "endless": ("asset gives tokens that never expire", "assets give tokens that never expire"),
    "off": ("asset is switched off", "assets are switched off"),
}
_COUNTED_AT_ONCE = 1_000  # rows of the log: the recorder counts a backlog, nobody waits for it here.
_MOST_KEYS = 10  # of those that run out; all of them are in the list of keys.
_MOST_SOURCES = 5  # of the issuers and providers with a warning, by name; the others are counted.
_WORDS = {"day": "Last 24 hours", "week": "Last 7 days", "month": "Last 30 days"}
_EACH = {3600: "hour", 21600: "six hours", 86400: "day"}


@bp.get("")
def dashboard() -> str:
    """Show what the site did lately; what is not counted yet is counted first, as far as one step goes."""
    now = get_mint().clock()
    is_more = False
    with suppress(Busy):
        is_more = catch_up(db.engine, now=now, most=_COUNTED_AT_ONCE)
    db.session.rollback()  # What was counted just now is to be seen: this request reads anew.
    name = request.args.get("span", "")
    name = name if name in reading.SPANS else "day"
    span = reading.span(name, now=now)
    amounts = attention.amounts()
    return render_template(
        "admin/dashboard.html",
        has_assets=db.session.scalar(select(Asset.id).limit(1)) is not None,
        here=name,
        spans=_WORDS,
        each=_EACH[span.seconds],
        span=span,
        busiest=reading.busiest(now=now),
        failures=recent_failures(now=now),
        most_people=MOST_PEOPLE,
        to_see=[(kind, amounts[kind], words) for kind, words in ATTENTION.items() if amounts[kind]],
        most=attention.MOST,
        keys_running_out=running_out(now=now),
        most_keys=_MOST_KEYS,
        warned=warned_sources(),
        most_warned=_MOST_SOURCES,
        counted_up_to=reading.counted_up_to(),
        is_more=is_more,
    )
