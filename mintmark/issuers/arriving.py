"""Arriving: from a verified token to the person whom it signs in, found, made or updated, in one transaction.

Rule: adds and flushes, never commits; the `jti`, the person, the session and the log rows are of one transaction.
Whatever is refused, nothing is kept: a token that signed nobody in is not spent. Locks are taken in one order: the
`jti`, the source, the person.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import BigInteger, ColumnElement, and_, cast, delete, exists, extract, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from mintmark import attributes, groups, identities, people
from mintmark.errors import FieldError
from mintmark.fields import read_identifier
from mintmark.issuers.mapping import PersonMap, PersonValues, claim_at, read_person
from mintmark.issuers.refusals import INVALID_TOKEN, TOKEN_USED, UNKNOWN_ISSUER, TokenRefused
from mintmark.log import Occasion
from mintmark.models import Group, Identity, OpenIDProvider, Person, SpentToken, TrustedIssuer, db
from mintmark.sessions import Entrance

KEPT_LONGER = 60  # Seconds beyond the last moment at which a token could pass (RFC 7519 §4.1.7).
_PURGED_AFTER = 86_400  # A node may believe a token that much longer than the database does.
_PURGED_AT_ONCE = 100
_BEGAN = time.time() - time.monotonic()  # When the monotonic clock began, as this process saw it at its start.


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Somebody whom a verified token names. `name` is that of the issuer or provider, `claim` the one that held the
    subject; `definition` are its settings about people; `spends` is (jti, until when it is kept) of one-time tokens."""

    source_id: str
    issuer: str
    name: str
    claim: str
    subject: str
    claims: Mapping[str, Any]
    definition: Mapping[str, Any]
    spends: tuple[str, int] | None


def find_person(arrival: Arrival) -> Person | None:
    """Return whom the identity is linked to, be they switched off."""
    identity = _find_identity(arrival)
    return db.session.get(Person, identity.person_id) if identity else None


def username_of(arrival: Arrival) -> str:
    """Return the username of the person, or the one that a new person would have."""
    person = find_person(arrival)
    return person.username if person else _new_username(arrival)


def spend(arrival: Arrival, *, now: float) -> None:
    """Spend the token. Raises TokenRefused (TOKEN_USED) where it was spent before, on whichever node.

    The primary key decides: of two at once the second waits for the first to commit, and then inserts nothing.
    """
    if arrival.spends is None:
        return
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    jti, keep_until_at = arrival.spends
    row = {"issuer": arrival.issuer, "jti": jti, "spent_at": int(now), "keep_until_at": keep_until_at}
    if db.session.scalar(insert(SpentToken).values(row).on_conflict_do_nothing().returning(SpentToken.jti)) is None:
        _refuse_spent()
    _purge(now)


def see_is_not_spent(issuer: str, jti: str) -> None:
    """Raises TokenRefused where a token was spent; whether it is so in the next moment, only `spend` can tell."""
    if db.session.scalar(select(exists().where(SpentToken.issuer == issuer, SpentToken.jti == jti))):
        _refuse_spent()


def see_may_arrive(arrival: Arrival) -> None:
    """Raises TokenRefused where `admit` would, but for what only the transaction can tell; writes nothing."""
    if arrival.spends is not None:
        see_is_not_spent(arrival.issuer, arrival.spends[0])
    identity = _find_identity(arrival)
    if identity is not None:
        _see_lives(db.session.get(Person, identity.person_id))
    else:
        _see_may_be_made(arrival, _new_username(arrival))
    if identity is None or arrival.definition.get("update_people", True):
        _values_of(arrival)


def admit(arrival: Arrival, *, by: Occasion) -> Person:
    """Spend the token; return its person, made or updated where the issuer may. Raises TokenRefused."""
    spend(arrival, now=by.now)
    _see_source_lives(arrival)
    identity = _find_identity(arrival)
    if identity is None:
        made = _make(arrival, by)
        if made is not None:
            return made
        identity = _find_identity(arrival)
    person = _see_lives(people.lock_person(identity.person_id) if identity else None)
    _use(arrival, person, by.now)
    if arrival.definition.get("update_people", True):
        _update(person, _values_of(arrival), Occasion(by.now, person.id, by.address, by.request))
    return person


def entrance(arrival: Arrival) -> Entrance:
    """Return by whom a session is begun and how long it lasts."""
    return Entrance(
        arrival.source_id,
        arrival.issuer,
        arrival.definition.get("session_lifetime"),
        sub=arrival.subject,
        jti=arrival.spends[0] if arrival.spends else None,
    )


def _find_identity(arrival: Arrival) -> Identity | None:
    return identities.find(arrival.source_id, arrival.claim, arrival.subject)


def _refuse_spent() -> NoReturn:
    raise TokenRefused(TOKEN_USED, "jti", "its `jti` signed somebody in before")


def _purge(now: float) -> None:
    """Forget some of what nobody could use for a day, by every clock there is.

    A node whose clock is days ahead must not forget what signs in again at the others. Rows that another node is
    forgetting are passed over.
    """
    key = tuple_(SpentToken.issuer, SpentToken.jti)
    old = select(SpentToken.issuer, SpentToken.jti).where(is_long_unusable(now))
    some = old.order_by(SpentToken.keep_until_at).limit(_PURGED_AT_ONCE).with_for_update(skip_locked=True)
    db.session.execute(delete(SpentToken).where(key.in_(some)).execution_options(synchronize_session=False))


def is_long_unusable(now: float) -> ColumnElement[bool]:
    """Return what holds of a spent token that nobody could use for a day, by all clocks; no jump moves the third."""
    moments = (int(now), database_clock(), int(_BEGAN + time.monotonic()))
    return and_(*(SpentToken.keep_until_at < moment - _PURGED_AFTER for moment in moments))


def database_clock() -> ColumnElement[int]:
    """Return the moment by the clock that all nodes share, in whole seconds."""
    if db.engine.dialect.name == "sqlite":
        return cast(func.strftime("%s", "now"), BigInteger)
    return cast(extract("epoch", func.now()), BigInteger)


def _see_source_lives(arrival: Arrival) -> None:
    """Raises TokenRefused where the issuer was switched off meanwhile: it ends its sessions after those in this turn.

    Whoever switches it off waits for this transaction, so no session begins behind their back.
    """
    for kind in (TrustedIssuer, OpenIDProvider):
        statement = select(kind.live).where(kind.id == arrival.source_id).with_for_update(read=True)
        if db.session.scalar(statement):
            return
    raise TokenRefused(UNKNOWN_ISSUER, "issuer", "it was switched off, or taken away, at this moment")


def _see_lives(person: Person | None) -> Person:
    if person is None or not person.live or person.erased_at is not None:
        raise TokenRefused(INVALID_TOKEN, "person", "whom it names is switched off, or was unlinked at this moment")
    return person


def _new_username(arrival: Arrival) -> str:
    """The subject, or what an OpenID provider calls them by; "", which is nobody's name, where it does not say."""
    claim = arrival.definition.get("username_claim", arrival.claim)
    name = arrival.subject if claim == arrival.claim else claim_at(arrival.claims, claim)
    return str(arrival.definition.get("username_prefix") or "") + name if isinstance(name, str) and name else ""


def _see_may_be_made(arrival: Arrival, username: str) -> None:
    """Raises TokenRefused: nobody takes the place of somebody else, in whatever case their name is written."""
    if not arrival.definition.get("create_people", False):
        raise TokenRefused(INVALID_TOKEN, "person", "nobody is linked to its subject, and it makes no people here")
    try:
        read_identifier(username, "username")
        people.see_username_is_free(username)
    except FieldError as error:
        words = f"nobody is linked to its subject, and the username that it would have {error}"
        raise TokenRefused(INVALID_TOKEN, "person", words) from error


def _make(arrival: Arrival, by: Occasion) -> Person | None:
    """Make the person and link them; None where another token of theirs did so at this moment, on another node."""
    username = _new_username(arrival)
    try:
        _see_may_be_made(arrival, username)
        values = _values_of(arrival)
        with db.session.begin_nested():
            known = {**values.fields, "username": username, "attributes": values.attributes}
            person = people.make({**known, "groups": sorted(_that_exist(values.groups))}, by=by)
            identities.link(arrival.source_id, arrival.claim, arrival.subject, person, by=by, issuer=arrival.issuer)
            _use(arrival, person, by.now)
            return person
    except (TokenRefused, FieldError, IntegrityError) as error:
        if _find_identity(arrival) is not None:
            return None
        if isinstance(error, TokenRefused):
            raise
        raise TokenRefused(INVALID_TOKEN, "person", "the username was given to somebody at this moment") from error


def _use(arrival: Arrival, person: Person, now: float) -> None:
    """Write down that the identity was used; who unlinked it at this moment keeps its subject out."""
    this = (Identity.source_id == arrival.source_id, Identity.claim == arrival.claim)
    linked = update(Identity).where(*this, Identity.subject == arrival.subject, Identity.person_id == person.id)
    statement = linked.values(last_used_at=int(now)).execution_options(synchronize_session=False)
    used: Any = db.session.execute(statement)
    if used.rowcount != 1:
        _see_lives(None)


def _update(person: Person, values: PersonValues, by: Occasion) -> None:
    """Change what is mapped and nothing else: unmapped fields and groups are none of the issuer's business."""
    changed: dict[str, Any] = {**values.fields, "attributes": {**person.attributes, **values.attributes}}
    if values.mapped_groups:
        kept = groups.of_person(person.id) - values.mapped_groups
        changed["groups"] = sorted(kept | _that_exist(values.groups))
    people.revise(person, changed, by=by)


def _that_exist(group_ids: frozenset[str]) -> set[str]:
    """Return those groups that are there, and stay until the transaction ends."""
    if not group_ids:
        return set()
    statement = select(Group.id).where(Group.id.in_(group_ids)).with_for_update(read=True, key_share=True)
    return set(db.session.scalars(statement))


def _values_of(arrival: Arrival) -> PersonValues:
    definition = arrival.definition
    person_map = PersonMap(
        attributes=definition.get("attribute_map") or {},
        types=attributes.declared(),
        groups_claim=definition.get("groups_claim"),
        groups=definition.get("groups_map") or {},
        roles_claim=definition.get("roles_claim"),
        permissions_claim=definition.get("permissions_claim"),
    )
    return read_person(arrival.claims, person_map)
