"""Refused sign-ins whose header and claims are kept for a day, so that an administrator can see why.

Rule: never the signature, without which nobody signs in with what is kept; nothing at all unless the site's
settings ask for it, which the caller sees to. Strangers write these, so there is a bound to all that they may fill
(CWE-770): how many, how long, and of whom.
"""

import json

from sqlalchemy import ColumnElement, Delete, Engine, delete, exists, or_, select, true
from sqlalchemy.exc import DBAPIError

from mintmark.errors import Busy
from mintmark.issuers.headers import MAX_ISSUER
from mintmark.models import OpenIDProvider, RefusedToken, TrustedIssuer, db
from mintmark.models.base import is_unavailable, writing_to
from mintmark.unverified import UnverifiedToken

KEPT_SECONDS = 86_400
MOST = 1_000
MOST_BYTES = 8 * 1024


def keep(unverified: UnverifiedToken, *, request: str, transport: str, now: float) -> None:
    """Add what a refused token said to the caller's transaction, under the number of its answer.

    Only of a token that says an `iss` of an issuer or provider of this site, live or not, or none.
    """
    if not _is_short(unverified) or not _is_of_an_issuer(unverified):
        return
    db.session.add(
        RefusedToken(
            request=request,
            at=int(now),
            transport=transport,
            header=unverified.unverified_header,
            claims=unverified.unverified_claims,
        )
    )
    db.session.flush()
    newest_first = select(RefusedToken.request).order_by(RefusedToken.at.desc(), RefusedToken.request)
    _drop(RefusedToken.request.in_(newest_first.offset(MOST)))


def find(request: str, *, now: float) -> RefusedToken | None:
    """Return what was kept under the number of an answer, for a day."""
    found = db.session.get(RefusedToken, request[:32]) if "\x00" not in request else None
    return found if found is not None and found.at > now - KEPT_SECONDS else None


def drop_due(*, now: float, is_keeping: bool) -> None:
    """Take away what is older than a day, or everything where nothing is kept any more; some at a time."""
    _drop(is_due(now, is_keeping))


def tidy(engine: Engine, *, now: float, is_keeping: bool) -> None:
    """Do the same where nobody is refused, in a transaction of its own; while the database is busy, the next time."""
    which = is_due(now, is_keeping)
    try:
        with engine.connect() as connection:
            is_there = connection.scalar(select(RefusedToken.request).where(which).limit(1))
        if is_there is not None:
            with writing_to(engine) as connection:
                connection.execute(_dropping(which))
    except (Busy, DBAPIError) as error:
        if isinstance(error, DBAPIError) and not is_unavailable(error):
            raise


def is_due(now: float, is_keeping: bool) -> ColumnElement[bool]:
    """Return what holds of a refusal that is kept no longer."""
    return RefusedToken.at <= int(now) - KEPT_SECONDS if is_keeping else true()


def _drop(which: ColumnElement[bool]) -> None:
    db.session.execute(_dropping(which))


def _dropping(which: ColumnElement[bool]) -> Delete:
    """Rows that another node is dropping are passed over."""
    some = select(RefusedToken.request).where(which).order_by(RefusedToken.at).limit(MOST)
    some = some.with_for_update(skip_locked=True)
    statement = delete(RefusedToken).where(RefusedToken.request.in_(some))
    return statement.execution_options(synchronize_session=False)


def _is_short(unverified: UnverifiedToken) -> bool:
    told = [unverified.unverified_header, unverified.unverified_claims]
    return len(json.dumps(told, ensure_ascii=False).encode()) <= MOST_BYTES


def _is_of_an_issuer(unverified: UnverifiedToken) -> bool:
    if "iss" not in unverified.unverified_claims:
        return True
    issuer = unverified.unverified_claims["iss"]
    if not isinstance(issuer, str) or not 0 < len(issuer) <= MAX_ISSUER or "\x00" in issuer:
        return False
    known = [exists().where(kind.issuer == issuer) for kind in (TrustedIssuer, OpenIDProvider)]
    return db.session.scalar(select(or_(*known))) is True
