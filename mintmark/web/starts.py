"""Starts: who goes from here to an issuer to sign in, and comes back with a token within ten minutes.

Rule: only somebody who began on our own pages, or typed the address, is taken for one who began here: else a page of
another site could send a browser through both doors and sign it in as somebody of its choice (login CSRF, CWE-352).
Where a browser says neither, it may be such a page, which can forbid a `Referer`: who comes back is asked.
"""

from dataclasses import dataclass

from flask import request, session
from sqlalchemy import select

from mintmark.models import TrustedIssuer, db
from mintmark.web import get_mint
from mintmark.web.next_page import next_page
from mintmark.web.origins import began_here

SECONDS = 600
_LONGEST = 1_000  # Browsers drop a cookie of more than 4,096 bytes (RFC 6265 §6.1), and all else that it holds.
_BEGUN = "start"


@dataclass(frozen=True, slots=True)
class Start:
    """A sign-in that began here; `wanted` is the page of ours that the person wanted, None: none."""

    wanted: str | None


def find_issuer(name: str) -> TrustedIssuer | None:
    """Return the live issuer of a name at whose site a sign-in may begin."""
    if "\x00" in name:  # PostgreSQL takes no such text.
        return None
    row = db.session.scalar(select(TrustedIssuer).where(TrustedIssuer.name == name, TrustedIssuer.live))
    return row if row is not None and row.definition.get("start_url") else None


def begin(issuer_id: str, wanted: str | None, *, now: float) -> None:
    """Keep in this browser that its person began here, where they did."""
    if began_here(request, get_mint().settings):
        session[_BEGUN] = {"issuer": issuer_id, "at": int(now), "next": _short_page(wanted)}
    else:
        session.pop(_BEGUN, None)


def find(issuer_id: str, *, now: float) -> Start | None:
    """Return what began here with an issuer, at most ten minutes ago."""
    begun = session.get(_BEGUN)
    if not isinstance(begun, dict) or begun.get("issuer") != issuer_id or not 0 <= now - begun["at"] <= SECONDS:
        return None
    return Start(begun.get("next"))


def _short_page(wanted: str | None) -> str | None:
    """Return the page of ours that is wanted, None where its address is too long to be kept."""
    page = next_page(wanted) if wanted else None
    return page if page is not None and len(page) <= _LONGEST else None
