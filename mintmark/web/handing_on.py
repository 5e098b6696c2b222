"""What a session of a trusted issuer or OpenID provider hands on to the one that a password begins in its place.

Rule: whoever proves themselves once more is still there by that issuer: switching it off ends the new session too, it
lasts no longer than the first would have, and signing out still leads on to the provider. Locks are taken in the order
of every sign-in: the source, then the person.
"""

from dataclasses import dataclass

from flask_login import current_user

from mintmark import identities
from mintmark.models import Person, Session, db
from mintmark.models.base import find_by_id
from mintmark.openid import provider_sessions
from mintmark.web import get_mint


@dataclass(frozen=True, slots=True)
class Handed:
    """What goes over: who began it and when, when it ends, and what it keeps to sign out at (provider id, ID token)."""

    source_id: str
    signed_in_at: int
    expires_at: int | None
    kept: tuple[str, str] | None


def lock_source() -> bool:
    """Lock who began the session of this browser, before its person is locked; tell whether it is live.

    Whoever switches it off waits for this transaction, so that no session of it begins behind their back.
    """
    source_id = current_user.session.source_id if current_user.is_authenticated else None
    source = identities.find_source(source_id, is_locked=True) if source_id else None
    return source is not None and source.live


def find(person: Person) -> Handed | None:
    """Return what the session of this browser hands on; None where it has ended meanwhile, or is somebody else's.

    It is asked before any session of the person ends: then what was kept is gone.
    """
    if not current_user.is_authenticated or current_user.person.id != person.id:
        return None
    row = find_by_id(Session, current_user.get_id(), is_locked=True)
    if row is None or row.source_id is None or row.ended_at is not None:
        return None
    kept = provider_sessions.find(row.id, sealer=get_mint().settings.sealer)
    return Handed(row.source_id, row.signed_in_at, row.expires_at, kept)


def give(begun: Session, handed: Handed) -> None:
    """Let a session that begins now be what the one before it was; what is kept is sealed anew, for its id."""
    begun.source_id, begun.signed_in_at, begun.expires_at = handed.source_id, handed.signed_in_at, handed.expires_at
    db.session.flush()
    if handed.kept is not None:
        provider_sessions.keep(begun.id, *handed.kept, sealer=get_mint().settings.sealer)
