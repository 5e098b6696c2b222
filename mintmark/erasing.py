"""Erasing a person with all that other rooms keep of them: identities, access tokens, what providers said.

Rule: whoever erases somebody does it here. `people.erase` empties the person; this takes away what names them from
above it. Kept refused tokens go all of them: whom one speaks of may stand in any claim, and none is older than a day.
"""

from sqlalchemy import delete, select

from mintmark import access_tokens, identities, people
from mintmark.log import Occasion
from mintmark.models import Person, ProviderSession, RefusedToken, Session, db


def erase(person: Person, *, by: Occasion) -> None:
    """Empty a person for ever, and whatever names them. Raises FieldError where that may not be."""
    people.erase(person, by=by)
    access_tokens.forget_person(person.id)
    identities.forget_person(person.id)
    sessions = select(Session.id).where(Session.person_id == person.id)
    db.session.execute(delete(ProviderSession).where(ProviderSession.id.in_(sessions)))
    db.session.execute(delete(RefusedToken))
