"""Ways in: who signs people in here beside their password, as links for pages.

Rule: a way in is a plain link. A form that ends at another site would be held by our own policy, and nothing changes
before the person comes back.
"""

from dataclasses import dataclass

from flask import url_for
from sqlalchemy.exc import DBAPIError

from mintmark import identities
from mintmark.identities import ISSUER, Source
from mintmark.models import db
from mintmark.models.base import is_unavailable
from mintmark.web.next_page import next_page

_START = {ISSUER: "jwt_signin.start"}


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way in: what it is called, and the address where it begins."""

    label: str
    url: str


def of_sign_in(wanted: str) -> list[WayIn]:
    """Return the live ways in, which lead on to the wanted page. The form must stand where the database does not."""
    try:
        sources = open_sources()
    except DBAPIError as error:
        if not is_unavailable(error):
            raise
        db.session.rollback()
        return []
    address = next_page(wanted) if sources and wanted else ""
    home = next_page(None) if address else ""
    return [WayIn(label_of(each, sources), start_of(each, address if address != home else "")) for each in sources]


def open_sources() -> list[Source]:
    """Return the live issuers and providers where a person may begin, ordered by what they are called."""
    found = [each for each in identities.every_source() if each.live and each.may_start]
    return sorted(found, key=lambda each: (each.label.casefold(), each.name))


def start_of(source: Source, wanted: str = "") -> str:
    """Return the address where a sign-in by a source begins."""
    return url_for(_START.get(source.kind, "oidc.start"), name=source.name, next=wanted or None)


def label_of(source: Source, among: list[Source]) -> str:
    """Return what a source is called among others: with its name where several are called the same."""
    is_alone = sum(each.label.casefold() == source.label.casefold() for each in among) == 1
    return source.label if is_alone else f"{source.label} ({source.name})"
