"""One-time links with which a person sets a password: 256 random bits, good for thirty minutes, used once.

Only the SHA-256 of what stands in a link is kept, so that a copy of the database opens nothing
(ASVS 6.4.1, 6.5.2, 6.5.5). A newer link, and every new password, ends
the older ones of its person.
"""

import hashlib
import secrets

from sqlalchemy import delete, select

from mintmark import log, people
from mintmark.errors import NotFound
from mintmark.log import Occasion
from mintmark.models import PasswordLink, Person, db

SECONDS = 30 * 60
_WORDS = "This link was used already, is older than 30 minutes, or never was one. Ask an administrator for a new one."


def make_link(person: Person, *, by: Occasion) -> str:
    """Make a link for a live person and return the code that stands in it, which nobody sees again. Raises NotFound."""
    if not people.lock_person(person.id) or not person.live:
        raise NotFound("This person is switched off or erased: no link was made.")
    code, now = secrets.token_urlsafe(32), int(by.now)
    db.session.execute(
        delete(PasswordLink).where((PasswordLink.person_id == person.id) | (PasswordLink.expires_at <= now))
    )
    link = PasswordLink(hash=_hash_of(code), person_id=person.id, made_at=now, expires_at=now + SECONDS)
    db.session.add(link)
    log.note("person.link_made", by, person=person.id)
    return code


def find_person(code: str, *, now: float) -> Person | None:
    """Return the live person whom a link is for, while it is good."""
    statement = select(Person).join(PasswordLink, PasswordLink.person_id == Person.id)
    statement = statement.where(PasswordLink.hash == _hash_of(code), PasswordLink.expires_at > int(now), Person.live)
    return db.session.scalar(statement)


def get_person(code: str, *, now: float) -> Person:
    """Return the live person whom a link is for. Raises NotFound with what to do."""
    if person := find_person(code, now=now):
        return person
    raise NotFound(_WORDS)


def use(code: str, password_hash: str, *, by: Occasion) -> Person:
    """Set the password of a link's person, once, and end all their sessions. Raises NotFound.

    The person is locked before the link is taken away, in the same order as where one is made; of two at
    once the second finds none to take away.
    """
    person = people.lock_person(get_person(code, now=by.now).id)
    those = (PasswordLink.hash == _hash_of(code)) & (PasswordLink.expires_at > int(by.now))
    taken = db.session.execute(delete(PasswordLink).where(those).returning(PasswordLink.person_id)).all()
    if not taken or person is None or not person.live:
        raise NotFound(_WORDS)
    people.set_password_hash(person, password_hash, by=by)
    return person


def _hash_of(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
