"""The one verifier of foreign tokens, whatever way they came (RFC 8725; decision by check, in one order).

Pure. `verify` stops at the first check that fails; `explain` goes through all of them, for an administrator. Both go
through the same list, so that they cannot disagree; what did not pass is refused, also where nobody looked.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mintmark.issuers import claims, headers, times
from mintmark.issuers.checks import Check as Check
from mintmark.issuers.checks import Given
from mintmark.issuers.headers import unverified_issuer_of as unverified_issuer_of
from mintmark.issuers.mapping import claim_at
from mintmark.issuers.refusals import BAD_REQUEST, INVALID_TOKEN, TokenRefused
from mintmark.issuers.rules import Rules
from mintmark.unverified import MAX_TOKEN_BYTES, TokenMalformed, UnverifiedToken, read_unverified

_OF_CLAIMS: tuple[Callable[[Given], Check], ...] = (
    headers.check_typ,
    times.check_exp,
    times.check_nbf,
    claims.check_aud,
    times.check_iat,
    times.check_lifetime,
    claims.check_required,
    claims.check_sub,
    claims.check_identity,
    claims.check_jti,
)
_OF_ID_TOKENS = (claims.check_nonce, claims.check_azp)


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that its issuer signed and that is good now. `expires_at` is its `exp`, `jti` None where it has none."""

    issuer: str
    claims: dict[str, Any]
    subject: str
    jti: str | None
    expires_at: int


def read(token: object) -> UnverifiedToken:
    """Take apart what came as a token. Raises TokenRefused, and nothing else, whatever it is."""
    if not isinstance(token, str) or not token:
        raise TokenRefused(BAD_REQUEST, "text", "There is no token." if token in ("", None) else "It is not text.")
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused(BAD_REQUEST, "size", f"It has more than {MAX_TOKEN_BYTES:,} characters.")
    try:
        return read_unverified(token)
    except TokenMalformed as error:
        raise TokenRefused(INVALID_TOKEN, "grammar", str(error)) from error


def verify(token: UnverifiedToken, rules: Rules, *, now: float, transport: str) -> Verified:
    """Return what a token says once every check passed. Raises TokenRefused."""
    for check in _checks(Given(token, rules, now, transport)):
        if check.passed is not True:
            raise TokenRefused(check.row or INVALID_TOKEN, check.name, check.words)
    # From here on nothing of it is unverified.
    found = token.unverified_claims
    subject = claim_at(found, rules.identity_claim)
    return Verified(rules.issuer, found, subject, found.get("jti"), math.ceil(found["exp"]))


def explain(token: UnverifiedToken, rules: Rules, *, now: float, transport: str) -> list[Check]:
    """Return every check of a token in order, also those behind one that failed."""
    return [*_checks(Given(token, rules, now, transport))]


def _checks(given: Given) -> Iterator[Check]:
    """Go through the checks, none before it is asked for: a key is looked for once the issuer is the right one."""
    yield headers.check_issuer(given)
    key, found = headers.find_key(given)
    yield found
    yield headers.check_algorithm(given, key)
    yield headers.check_extensions(given)
    yield headers.check_signature(given, key)
    for check in _OF_CLAIMS:
        yield check(given)
    if given.rules.is_id_token:
        for check in _OF_ID_TOKENS:
            yield check(given)
