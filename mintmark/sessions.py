"""Sessions: begun at sign-in, found by the id in the cookie, ended on the server.

The two time limits are computed here, once, for the page's door and for the token's. What a
session kept to sign out at its OpenID provider too goes when it ends.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, true, update

from mintmark import log
from mintmark.config import Settings
from mintmark.log import Occasion
from mintmark.models import Person, ProviderSession, Session, db

_MAX_DEVICE = 255
MOST_LISTED = 50
MAX_SKEW = 60  # A session begun later than that from now was begun by a clock that was wrong.


@dataclass(frozen=True, slots=True)
class Entrance:
    """By whom somebody came in, other than by a password: a trusted issuer or OpenID provider.

    `lifetime` is how many seconds the session lasts at most; None: as the site says. The rest is for the log.
    """

    source_id: str
    issuer: str
    lifetime: int | None = None
    sub: str | None = None
    jti: str | None = None


def begin(
    person: Person,
    *,
    now: float,
    address: str | None,
    device: str,
    request: str | None = None,
    by_way_of: Entrance | None = None,
) -> Session:
    """Begin a session with a new id (ASVS 7.2.4)."""
    session = Session(
        id=secrets.token_hex(32),
        person_id=person.id,
        signed_in_at=int(now),
        last_used_at=int(now),
        address=address,
        device="".join(character for character in device if character.isprintable())[:_MAX_DEVICE],
        source_id=by_way_of.source_id if by_way_of else None,
        expires_at=int(now) + by_way_of.lifetime if by_way_of and by_way_of.lifetime else None,
    )
    db.session.add(session)
    known = {"issuer": by_way_of.issuer, "sub": by_way_of.sub, "jti": by_way_of.jti} if by_way_of else {}
    columns: dict[str, Any] = {"person": person.id, **known}
    log.note("person.signed_in", Occasion(now, person.id, address, request), **columns)
    return session


def end(session_id: str, *, now: float) -> None:
    """End one session; nothing happens where it has ended."""
    _end(Session.id == session_id, now)


def find_person_in_session(session_id: str, *, now: float, settings: Settings) -> tuple[Person, Session] | None:
    """Return the live person of a live session."""
    statement = (
        select(Person, Session)
        .join(Session, Session.person_id == Person.id)
        .where(Session.id == session_id, Person.live, *_is_live(now, settings))
    )
    found = db.session.execute(statement).first()
    return (found[0], found[1]) if found else None


def list_live(person_id: str, *, now: float, settings: Settings) -> tuple[list[Session], int]:
    """Return the live sessions of a person, those used last first, at most MOST_LISTED, and how many there are."""
    those = (Session.person_id == person_id, *_is_live(now, settings))
    statement = select(Session).where(*those).order_by(Session.last_used_at.desc(), Session.id).limit(MOST_LISTED)
    return list(db.session.scalars(statement)), count_live(person_id, now=now, settings=settings)


def count_live(person_id: str, *, now: float, settings: Settings) -> int:
    """Count the live sessions of a person."""
    statement = select(func.count()).where(Session.person_id == person_id, *_is_live(now, settings))
    return db.session.scalar(statement) or 0


def handle_of(session_id: str) -> str:
    """Return what names a session on a page: whoever has its id has the session."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def end_by_handle(person_id: str, handle: str, *, by: Occasion) -> bool:
    """End one session of a person, named by its handle; tell whether there was one."""
    ids = db.session.scalars(select(Session.id).where(Session.person_id == person_id, Session.ended_at.is_(None)))
    found = next((each for each in ids if handle_of(each) == handle), None)
    return found is not None and _end_those(person_id, Session.id == found, by) == 1


def end_others(person_id: str, kept_id: str, *, by: Occasion) -> int:
    """End every session of a person but one; return how many there were."""
    return _end_those(person_id, Session.id != kept_id, by)


def end_all(person_id: str, *, by: Occasion) -> int:
    """End every session of a person; return how many there were."""
    return _end_those(person_id, true(), by)


def _end_those(person_id: str, those: ColumnElement[bool], by: Occasion) -> int:
    amount = _end((Session.person_id == person_id) & those, by.now)
    if amount:
        log.note("person.sessions_ended", by, person=person_id, detail={"amount": amount})
    return amount


def end_of_people(person_ids: Sequence[str], *, now: float) -> None:
    """End every session of these people, for an act that the log names already."""
    _end(Session.person_id.in_(person_ids), now)


def end_of_source(source_id: str, *, now: float) -> int:
    """End every session that a trusted issuer or OpenID provider began; return how many there were."""
    return _end(Session.source_id == source_id, now)


def end_of_person_by_source(person_id: str, source_id: str, *, kept_id: str | None, now: float) -> int:
    """End what a trusted issuer or OpenID provider began for one person, but for one session; return how many."""
    return _end((Session.person_id == person_id) & (Session.source_id == source_id) & (Session.id != kept_id), now)


def _end(those: ColumnElement[bool], now: float) -> int:
    """Sessions come before what is kept for them, here as everywhere: locks are taken in that order."""
    ended: Any = db.session.execute(update(Session).where(those, Session.ended_at.is_(None)).values(ended_at=int(now)))
    kept = delete(ProviderSession).where(ProviderSession.id.in_(select(Session.id).where(those)))
    db.session.execute(kept.execution_options(synchronize_session=False))
    return int(ended.rowcount)


def _is_live(now: float, settings: Settings) -> list[ColumnElement[bool]]:
    used_after, signed_in_after = limits(now, settings)
    began_in_time = Session.signed_in_at.between(signed_in_after + 1, int(now) + MAX_SKEW)
    lasts = Session.expires_at.is_(None) | (Session.expires_at > int(now))
    return [Session.ended_at.is_(None), Session.last_used_at > used_after, began_in_time, lasts]


def is_over(now: float, settings: Settings) -> ColumnElement[bool]:
    """Return what holds of a session that had ended by a moment, or had run out."""
    used_after, signed_in_after = limits(now, settings)
    is_old = (Session.last_used_at <= used_after) | (Session.signed_in_at <= signed_in_after)
    return is_old | (Session.expires_at <= int(now)) | (Session.ended_at <= int(now))


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
