"""Signing keys: all rings, a page at a time, with the key that signs and what comes next."""

from typing import Any

from flask import Blueprint, render_template, url_for

from mintmark.keypairs import size_in_words
from mintmark.keys import listing
from mintmark.keys.life import state_of
from mintmark.web import get_mint
from mintmark.web.keyset import asked

bp = Blueprint("keys", __name__, url_prefix="/admin/keys")


@bp.get("")
def keys() -> str:
    """Show a page of rings: those that sign or will, the past ones, or those found by the beginning of a key id."""
    now, after = get_mint().clock(), asked("after")
    q, is_past = asked("q").strip()[:128], asked("show") == "past"
    chosen: dict[str, Any] = {"q": q} if q else {"show": "past"} if is_past else {}
    if q:
        listed = listing.find_rings(q, now=now, after=after)
    else:
        listed = listing.list_rings(now=now, is_past=is_past, after=after)
    return render_template(
        "admin/keys.html",
        asked=chosen,
        chains=listed.chains,
        now=now,
        state_of=state_of,
        size_in_words=size_in_words,
        first_url=url_for("keys.keys", **chosen) if after else None,
        next_url=url_for("keys.keys", **chosen, after=listed.next_place) if listed.next_place else None,
    )
