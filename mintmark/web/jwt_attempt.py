"""An attempt to sign in with the token of a trusted issuer: from the text that came to whom it names.

The way is the same for each transport: size → grammar → JSON → issuer → origin → key → algorithm → signature → claims,
then the `jti`, the person, the session and the log rows in one transaction (RFC 8725 §3).
"""

from collections.abc import Callable
from typing import Any

from flask import request

from mintmark.issuers import arriving, checking, finding
from mintmark.issuers.arriving import KEPT_LONGER, Arrival
from mintmark.issuers.checking import Verified
from mintmark.issuers.checks import shown
from mintmark.issuers.refusals import BAD_REQUEST, UNKNOWN_ISSUER, TokenRefused
from mintmark.issuers.rules import QUERY, Rules
from mintmark.models import Person, Session, TrustedIssuer
from mintmark.web import get_mint
from mintmark.web.attempt import Attempt
from mintmark.web.jwt_cors import narrow_to
from mintmark.web.origins import own_origin


class TokenAttempt(Attempt):
    """An attempt with the token of a trusted issuer. `origins` are those that its issuer lists."""

    origins: frozenset[str] = frozenset()

    def verify(self, token: str) -> Arrival:
        """Return whom a token names, once it is known to be its issuer's and good. Raises TokenRefused."""
        settings = get_mint().settings
        self.unverified = checking.read(token)
        row = self._find_issuer(checking.unverified_issuer_of(self.unverified))
        self.issuer, self.origins = row.issuer, frozenset(row.definition["return_to"])
        finding.see_is_not_this_site(row, settings=settings)
        self._see_origin()
        # Taken now: to fetch keys may end the transaction in which the row was read.
        known: dict[str, Any] = {"source_id": row.id, "name": row.name, "definition": dict(row.definition)}
        rules = finding.rules_of(row, settings=settings, now=self.now)
        self.verified = checking.verify(self.unverified, rules, now=self.now, transport=self.transport)
        self.arrival = Arrival(
            **known,
            issuer=rules.issuer,
            claim=rules.identity_claim,
            subject=self.verified.subject,
            claims=self.verified.claims,
            spends=self._spends(self.verified, rules),
        )
        return self.arrival

    def sign_in(self, arrival: Arrival, also: Callable[[Session], object] | None = None) -> Person:
        """Sign in, unless the token came in an address before: then it is spent, whatever its issuer says."""
        if arrival.spends is None and self.verified and self.verified.jti is not None:
            arriving.see_is_not_spent(arrival.issuer, self.verified.jti)
        return super().sign_in(arrival, also)

    def _find_issuer(self, unverified_issuer: str | None) -> TrustedIssuer:
        row = finding.find_live(unverified_issuer) if unverified_issuer is not None else None
        if row is None:
            named = (
                "can be nobody’s" if unverified_issuer is None else f"is {shown(unverified_issuer)}, no live issuer’s"
            )
            words = f"`iss` {named}" if unverified_issuer != "" else "there is no `iss`, and nobody is trusted without"
            raise TokenRefused(UNKNOWN_ISSUER, "issuer", words)
        return row

    def _see_origin(self) -> None:
        """Raises TokenRefused where a page asks whose origin only another issuer lists."""
        narrow_to(self.origins)
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {own_origin(request, get_mint().settings), *self.origins}:
            raise TokenRefused(BAD_REQUEST, "origin", "the origin that asks is not on the issuer’s list")

    def _spends(self, verified: Verified, rules: Rules) -> tuple[str, int] | None:
        """A token that came in an address is for one time, whatever its issuer says: addresses are kept."""
        if verified.jti is None or not (rules.one_time or self.transport == QUERY):
            return None
        return verified.jti, int(verified.expires_at) + rules.leeway + KEPT_LONGER
