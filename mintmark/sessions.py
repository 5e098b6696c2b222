"""Sessions: begun at sign-in, found by the id in the cookie, ended on the server.

The two time limits are computed here, once, for the page's door and for the token's.
"""

import secrets

from sqlalchemy import select, update

from mintmark import log
from mintmark.config import Settings
from mintmark.log import Occasion
from mintmark.models import Person, Session, db

_MAX_DEVICE = 255
MAX_SKEW = 60  # A session begun later than that from now was begun by a clock that was wrong.


def begin(person: Person, *, now: float, address: str | None, device: str) -> Session:
    """Begin a session with a new id (ASVS 7.2.4)."""
    session = Session(
        id=secrets.token_hex(32),
        person_id=person.id,
        signed_in_at=int(now),
        last_used_at=int(now),
        address=address,
        device="".join(character for character in device if character.isprintable())[:_MAX_DEVICE],
    )
    db.session.add(session)
    log.note("person.signed_in", Occasion(now, person.id, address), person=person.id)
    return session


def end(session_id: str, *, now: float) -> None:
    """End one session; nothing happens where it has ended."""
    live = (Session.id == session_id) & Session.ended_at.is_(None)
    db.session.execute(update(Session).where(live).values(ended_at=int(now)))


def find_person_in_session(session_id: str, *, now: float, settings: Settings) -> tuple[Person, Session] | None:
    """Return the live person of a live session."""
    used_after, signed_in_after = limits(now, settings)
    statement = (
        select(Person, Session)
        .join(Session, Session.person_id == Person.id)
        .where(Session.id == session_id, Session.ended_at.is_(None), Person.live)
        .where(
            Session.last_used_at > used_after, Session.signed_in_at.between(signed_in_after + 1, int(now) + MAX_SKEW)
        )
    )
    found = db.session.execute(statement).first()
    return (found[0], found[1]) if found else None


def limits(now: float, settings: Settings) -> tuple[int, int]:
    """Return the moments after which a live session was last used, and signed in."""
    return int(now) - settings.session_idle, int(now) - settings.session_lifetime


def is_touch_due(last_used_at: int, now: float, settings: Settings) -> bool:
    """Tell whether the use is to be written down: at most once a minute, for a write costs as much as a token."""
    return now - last_used_at >= min(60, settings.session_idle // 4)


def touch(session_id: str, *, now: float) -> None:
    """Write down that the session was used."""
    later = (Session.id == session_id) & (Session.last_used_at < int(now))
    db.session.execute(update(Session).where(later).values(last_used_at=int(now)))
