"""Identities: as whom an issuer knows a person. (issuer, subject), and never an e-mail address or a name.

Rule: one is linked when its person is made by that issuer, by the person while signed in, or by an administrator;
the same subject is never two people's (OWASP ASVS 6.8.1). Adds and flushes, never commits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from mintmark import log, sessions
from mintmark.errors import FieldError
from mintmark.fields import find_hidden, read_text
from mintmark.log import Occasion
from mintmark.models import Identity, OpenIDProvider, Person, TrustedIssuer, db
from mintmark.models.base import find_by_id, new_id

MAX_OF_PERSON = 20
ISSUER, PROVIDER = "issuer", "provider"  # kinds of source


@dataclass(frozen=True, slots=True)
class Source:
    """A trusted issuer or OpenID provider. `claim` holds the subjects by which it knows people now; `label` is what
    people call it; `may_start`: a person may begin a sign-in there."""

    id: str
    kind: str
    name: str
    issuer: str
    label: str
    claim: str
    live: bool
    may_start: bool

    @property
    def key(self) -> str:
        """Return what names a source in a form; the names of issuers and of providers are apart."""
        return f"{self.kind}:{self.name}"


def every_source() -> list[Source]:
    """Return every trusted issuer and OpenID provider, ordered by name."""
    issuers, providers = db.session.scalars(select(TrustedIssuer)), db.session.scalars(select(OpenIDProvider))
    return sorted((_source(each) for each in (*issuers, *providers)), key=lambda each: (each.name, each.kind))


def find_source(source_id: str, *, is_locked: bool = False) -> Source | None:
    """Return a trusted issuer or OpenID provider; locked, it stays as it is until the transaction ends."""
    row: TrustedIssuer | OpenIDProvider | None = find_by_id(TrustedIssuer, source_id, is_locked=is_locked)
    row = row or find_by_id(OpenIDProvider, source_id, is_locked=is_locked)
    return _source(row) if row else None


def _source(row: TrustedIssuer | OpenIDProvider) -> Source:
    is_issuer = isinstance(row, TrustedIssuer)
    settings = row.definition
    return Source(
        id=row.id,
        kind=ISSUER if is_issuer else PROVIDER,
        name=row.name,
        issuer=row.issuer,
        label=settings.get("tenant") or row.name,
        claim=settings.get("identity_claim") or "sub",
        live=row.live,
        may_start=bool(settings.get("start_url")) if is_issuer else True,
    )


def who_sets(field: str, person_id: str) -> list[str]:
    """Return what live issuers and providers are called that set a field of this person anew at a sign-in."""
    linked = select(Identity.source_id).where(Identity.person_id == person_id)
    found: set[str] = set()
    issuers = db.session.scalars(select(TrustedIssuer).where(TrustedIssuer.id.in_(linked), TrustedIssuer.live))
    providers = db.session.scalars(select(OpenIDProvider).where(OpenIDProvider.id.in_(linked), OpenIDProvider.live))
    for row in (*issuers, *providers):
        if row.definition.get("update_people") and field in row.definition.get("attribute_map", {}):
            found.add(_source(row).label)
    return sorted(found)


def issuer_of(source_id: str) -> str | None:
    """Return the `iss` of a trusted issuer or OpenID provider by its id; None where it is gone."""
    source = find_source(source_id)
    return source.issuer if source else None


def read_subject(value: object, field: str) -> str:
    """Return a subject as somebody typed it; exactly so it must stand in a token. Raises FieldError."""
    subject = read_text(value, field)
    if subject != subject.strip():
        raise FieldError("has white space at its beginning or end", field)
    if hidden := find_hidden(subject):
        raise FieldError(f"holds a control or invisible character (U+{ord(hidden):04X})", field)
    return subject


def find(source_id: str, claim: str, subject: str) -> Identity | None:
    """Return the identity of a subject, whose person may be switched off."""
    those = (Identity.source_id == source_id, Identity.claim == claim, Identity.subject == subject)
    return db.session.scalar(select(Identity).where(*those))


def of_person(person_id: str) -> Sequence[Identity]:
    """Return a person's identities, the oldest first."""
    statement = select(Identity).where(Identity.person_id == person_id).order_by(Identity.linked_at, Identity.id)
    return db.session.scalars(statement).all()


def link(source_id: str, claim: str, subject: str, person: Person, *, by: Occasion, issuer: str) -> Identity:
    """Let a subject be this person. Raises FieldError where it is somebody's already, or there are too many."""
    if find(source_id, claim, read_text(subject, "subject")) is not None:
        raise FieldError("is linked to somebody already", "subject")
    if len(of_person(person.id)) >= MAX_OF_PERSON:
        raise FieldError(f"would be one of more than {MAX_OF_PERSON} of this person", "subject")
    identity = Identity(
        source_id=source_id, claim=claim, subject=subject, person_id=person.id, linked_at=int(by.now), last_used_at=None
    )
    db.session.add(identity)
    try:
        db.session.flush()
    except IntegrityError as error:  # Two at once: the index decides, and the whole act is undone.
        raise FieldError("was linked to somebody at this moment", "subject") from error
    log.note("identity.linked", by, person=person.id, issuer=issuer, sub=subject)
    return identity


@dataclass(frozen=True, slots=True)
class Link:
    """An identity that a person, by id, is to have."""

    source: Source
    claim: str
    subject: str
    person_id: str


def link_many(links: Iterable[Link], *, by: Occasion) -> None:
    """Link subjects that are nobody's to people who have few; some hundreds at once in one statement."""
    rows = []
    for each in links:
        rows.append(
            {
                "id": new_id(),
                "source_id": each.source.id,
                "claim": each.claim,
                "subject": each.subject,
                "person_id": each.person_id,
                "linked_at": int(by.now),
                "last_used_at": None,
            }
        )
        log.note("identity.linked", by, person=each.person_id, issuer=each.source.issuer, sub=each.subject)
    if rows:
        db.session.execute(insert(Identity), rows)


def unlink(identity_id: str, person_id: str, *, by: Occasion, kept_session: str | None = None) -> bool:
    """Take an identity away from a person; tell whether it was theirs.

    The sessions that its issuer began for this person end, but for `kept_session`: whoever came in by it is out.
    """
    identity = find_by_id(Identity, identity_id)
    if identity is None or identity.person_id != person_id:
        return False
    log.note("identity.unlinked", by, person=person_id, issuer=issuer_of(identity.source_id), sub=identity.subject)
    sessions.end_of_person_by_source(person_id, identity.source_id, kept_id=kept_session, now=by.now)
    db.session.delete(identity)
    db.session.flush()
    return True


def see_is_not_the_last_way_in(identity_id: str, person: Person) -> None:
    """Raises FieldError where a person without a password could not sign in any more without this identity."""
    if person.password_hash is not None:
        return
    others = [each for each in of_person(person.id) if each.id != identity_id]
    if not any(works(each, find_source(each.source_id)) for each in others):
        raise FieldError(
            "is your only way in: you have no password here. Ask an administrator for a link to set one first",
            "identity",
        )


def works(identity: Identity, source: Source | None) -> bool:
    """Tell whether an identity signs in: its issuer is live and still goes by the claim that it was linked by."""
    return source is not None and source.live and source.claim == identity.claim


def forget_source(source_id: str) -> None:
    """Take away every identity of an issuer or provider that is taken away itself."""
    db.session.execute(delete(Identity).where(Identity.source_id == source_id))


def forget_person(person_id: str) -> None:
    """Take away every identity of a person who is erased."""
    db.session.execute(delete(Identity).where(Identity.person_id == person_id))
