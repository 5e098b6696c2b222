"""Why a foreign token would sign somebody in, or would not: every check, of every issuer that it may be of.

Rule: it looks and changes nothing. No `jti` is spent, nobody is made, nothing is fetched, and no row of the log is
written. What is explained may be anybody's invention: nothing of it is believed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mintmark.issuers import arriving, checking
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.checking import Check
from mintmark.issuers.checks import kind, shown
from mintmark.issuers.mapping import claim_at
from mintmark.issuers.refusals import INVALID_TOKEN, TOKEN_USED, UNKNOWN_ISSUER, Row, TokenRefused
from mintmark.issuers.rules import CODE, Rules
from mintmark.models import SpentToken, db
from mintmark.moment import iso
from mintmark.unverified import UnverifiedToken

TRUSTED_ISSUER, OPENID_PROVIDER = "trusted issuer", "OpenID provider"
_LONGEST = 255
_LISTED = 5  # So many origins of a list are named.
# What a request or a claim says of where to go on, and the origins of the list; raises TokenRefused.
See = Callable[[Any, frozenset[str]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How a token comes, or is to be thought to come: when, by which way, where its bearer asks to go on; `see_page`
    refuses where that may not lead. Without its signature where that was not kept."""

    now: float
    transport: str
    see_page: See
    return_to: str | None = None
    is_signature_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An issuer that a token may be of: what it asks of tokens and does with people. `problem`: why it takes none."""

    id: str
    name: str
    kind: str
    rules: Rules
    definition: Mapping[str, Any]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Somebody:
    """Whom a token would sign in: somebody known by their id, or (None) who would be made."""

    id: str | None
    username: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What one issuer would say of a token; `is_named`: its `iss` is that of the token; `is_near`: it may be meant."""

    source: Source
    is_named: bool
    is_near: bool
    checks: list[Check]
    person: Somebody | None

    @property
    def failed(self) -> Check | None:
        """Return the first check that failed, whose row is what would be told."""
        return next((check for check in self.checks if check.passed is False), None)


def explain_all(token: UnverifiedToken, sources: Iterable[Source], sent: Sent) -> list[Explained]:
    """Return what every issuer would say of a token, the one that it names first, then those that are nearly so."""
    found = [explain(token, source, sent) for source in sources]
    return sorted(
        found, key=lambda each: (not each.is_named, not each.is_near, bool(each.source.problem), each.source.name)
    )


def explain(token: UnverifiedToken, source: Source, sent: Sent) -> Explained:
    """Return what one issuer would say of a token."""
    checks = [] if source.problem is None else [Check("live", False, source.problem, UNKNOWN_ISSUER)]
    transport = CODE if source.rules.is_id_token else sent.transport  # An ID token comes by no other way.
    checks += checking.explain(token, source.rules, now=sent.now, transport=transport)
    if not sent.is_signature_kept:
        words = "the signature was not kept; paste the token to look at it"
        checks = [replace(each, passed=None, words=words, row=None) if _is_signature(each) else each for each in checks]
    if source.kind == TRUSTED_ISSUER:  # A provider's people go where they began, and its code is spent there.
        checks += [_check_return_to(token, source, sent), _check_spent(token, source)]
    check, person = _look_for_person(token, source)
    named, asked = checking.unverified_issuer_of(token), source.rules.issuer
    return Explained(source, named == asked, _is_near(named, asked), [*checks, check], person)


def _is_near(named: str | None, asked: str) -> bool:
    """Tell whether an `iss` is another one's by a slash at the end, the scheme or its case only."""
    first, second = (text.casefold().rpartition("://")[2].rstrip("/") for text in (named or "", asked))
    return first == second and first != ""


def _is_signature(check: Check) -> bool:
    return check.name == "signature" and check.passed is False


def _check_return_to(token: UnverifiedToken, source: Source, sent: Sent) -> Check:
    """Where to go on, as the request says or else the token: a page of this site, or an origin of the list."""
    claimed = token.unverified_claims.get("redirect_url")
    said, name = (claimed, "`redirect_url`") if sent.return_to is None else (sent.return_to, "`return_to`")
    if said is None:
        return Check("return_to", True, f"there is no {name}; it leads home, or where its bearer began")
    listed = source.definition["return_to"]
    try:
        sent.see_page(said, frozenset(listed))
    except TokenRefused as refused:
        return Check("return_to", False, f"{name} {_where(said)}; {_listed(listed)}", refused.row)
    return Check("return_to", True, f"{name} leads to {shown(said)}")


def _where(said: Any) -> str:
    if not isinstance(said, str):
        return f"is {shown(said)}, {kind(said)}; an address is asked"
    return f"is {shown(said)}, no page of this site" if said.startswith("/") else f"leads to {shown(said)}"


def _listed(origins: list[str]) -> str:
    if not origins:
        return "the list of “Return to” is empty"
    more = f" and {len(origins) - _LISTED} more" if len(origins) > _LISTED else ""
    return f"the list of “Return to” has {', '.join(map(shown, origins[:_LISTED]))}{more}"


def _check_spent(token: UnverifiedToken, source: Source) -> Check:
    """`jti`: not spent before, by the text of the issuer (RFC 7519 §4.1.7)."""
    unverified_jti = token.unverified_claims.get("jti")
    if not _is_subject(unverified_jti):
        return Check("spent", None, "there is no `jti` to look for")
    spent = db.session.get(SpentToken, (source.rules.issuer, unverified_jti))
    if spent is None:
        return Check("spent", True, "its `jti` signed nobody in yet")
    at = iso(spent.spent_at)
    return Check("spent", False, f"its `jti` was seen at {at[11:19]} UTC on {at[:10]}", TOKEN_USED)


def _look_for_person(token: UnverifiedToken, source: Source) -> tuple[Check, Somebody | None]:
    """Whom it names: known here, or to be made, if this issuer may."""
    claim = source.rules.identity_claim
    unverified_subject = claim_at(token.unverified_claims, claim)
    if not _is_subject(unverified_subject):
        return Check("person", None, f"`{claim}` names nobody to look for"), None
    arrival = Arrival(
        source_id=source.id,
        issuer=source.rules.issuer,
        name=source.name,
        claim=claim,
        subject=unverified_subject,
        claims=token.unverified_claims,
        definition=source.definition,
        spends=None,
    )
    return _see_arrival(arrival)


def _see_arrival(arrival: Arrival) -> tuple[Check, Somebody | None]:
    somebody = None
    try:
        person = arriving.find_person(arrival)
        somebody = Somebody(person.id if person else None, arriving.username_of(arrival))
        arriving.see_may_arrive(arrival)
    except TokenRefused as refused:
        known = f"known here as “{somebody.username}”: " if somebody and somebody.id else ""
        return Check("person", False, known + refused.words, refused.row), somebody
    if somebody.id:
        return Check("person", True, f"known here as “{somebody.username}”"), somebody
    return Check("person", True, f"would be made as “{somebody.username}”"), somebody


def _is_subject(value: Any) -> bool:
    """Tell whether a claim is a text that a database may be asked for."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and "\x00" not in value


def row_of(found: Explained) -> Row | None:
    """Return what would be told of a token, None where it would sign its person in."""
    return None if found.failed is None else found.failed.row or INVALID_TOKEN


def unknown_words(token: UnverifiedToken) -> str:
    """Return why a token is nobody's: the `iss` that it says, or that it says none."""
    if "iss" not in token.unverified_claims:
        return "there is no `iss` in it, and no issuer here is without one"
    words = f"its `iss` is {shown(token.unverified_claims['iss'])}"
    if checking.unverified_issuer_of(token) is None:
        return f"{words}, which can be nobody’s"
    return f"{words}, and nobody who is trusted here has exactly this one"


def verdict(found: Iterable[Explained]) -> tuple[Row | None, Explained | None]:
    """Return what would be told, None where the token signs in, and the issuer that it is of, if it is anybody's."""
    named = next((each for each in found if each.is_named), None)
    return (UNKNOWN_ISSUER, None) if named is None else (row_of(named), named)
