"""One attempt to sign in by a token, as far as it is known: admitted, or refused and logged with that.

Rule: by whichever way somebody comes, what is spent, the person, the session and the log rows are of one transaction,
and a refusal never holds the token.
"""

from collections.abc import Callable
from typing import Any

from flask import g, request

from mintmark import log, throttle
from mintmark.config import Limit
from mintmark.errors import Busy
from mintmark.issuers import arriving, kept_refusals
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.checking import Verified
from mintmark.issuers.refusals import TokenRefused
from mintmark.log import Occasion
from mintmark.models import Person, Session, writing
from mintmark.unverified import UnverifiedToken
from mintmark.web import get_mint
from mintmark.web.proof import begin_session, enter

_ROWS = Limit(60, 60)  # Refusals of one address that are rows; what is beyond them is a line only.


class Attempt:
    """What is known of one token; each refusal is told of with that. `transport` is by which way it came."""

    def __init__(self, transport: str, issuer: str | None = None) -> None:
        self.transport, self.now = transport, get_mint().clock()
        self.unverified: UnverifiedToken | None = None
        self.issuer = issuer
        self.verified: Verified | None = None
        self.arrival: Arrival | None = None

    @property
    def by(self) -> Occasion:
        """Return when and from where; nobody is signed in by this yet."""
        return Occasion(self.now, None, request.remote_addr, g.request_id)

    def sign_in(self, arrival: Arrival, also: Callable[[Session], object] | None = None) -> Person:
        """Spend the token, begin the session, enter it. Raises TokenRefused, Busy.

        `also` is done to the session in the same transaction.
        """
        with writing():
            person = arriving.admit(arrival, by=self.by)
            begun = begin_session(person, self.now, arriving.entrance(arrival))
            if also is not None:
                also(begun)
        enter(person, begun, authenticated_at=arrival.claims.get("auth_time"))
        return person

    def note(self, error: TokenRefused) -> None:
        """Write down a refusal: never the token, and not more rows a minute than one address is worth."""
        detail = {"check": error.reason, "words": error.words, "transport": self.transport}
        if count(_ROWS, "refused-token", now=self.now) is None:
            try:
                with writing():
                    self._add_row(error, detail)
                return
            except Busy:
                pass
        said = {"request": g.request_id, "address": request.remote_addr, "issuer": self.issuer}
        log.say("person.sign_in_refused", code=error.row.code, **said, **detail)

    def _add_row(self, error: TokenRefused, detail: dict[str, Any]) -> None:
        person = arriving.find_person(self.arrival) if self.arrival else None
        log.note(
            "person.sign_in_refused",
            self.by,
            outcome="refused",
            code=error.row.code,
            issuer=self.issuer,
            person=person.id if person else None,
            jti=self.verified.jti if self.verified else None,
            sub=self.verified.subject if self.verified else None,
            detail=detail,
        )
        is_keeping = get_mint().settings.keep_refused
        kept_refusals.drop_due(now=self.now, is_keeping=is_keeping)
        if self.unverified is not None and is_keeping:
            kept_refusals.keep(self.unverified, request=g.request_id, transport=self.transport, now=self.now)


def count(limit: Limit, what: str, *, now: float) -> int | None:
    """Count one of what this address does; return how long it waits where that is beyond the limit."""
    mint = get_mint()
    place = throttle.attempt_keys("", request.remote_addr, mint.settings.sealer.derive("attempts"))[0]
    return mint.fuse.hit(limit, what, place, now=now)
