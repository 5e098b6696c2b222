"""Trying a token at one trusted issuer by a program of an administrator: the whole verdict as JSON.

It changes nothing, so that it takes no form token: `application/json` and an origin that is absent or ours say that no
page of others asked (ASVS 3.5.1, 3.5.3). Nothing of the token is kept or logged.
"""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from mintmark.errors import BadParameters
from mintmark.issuers import checking, explaining, finding, saving
from mintmark.issuers.explaining import Explained, Sent
from mintmark.issuers.refusals import TokenRefused
from mintmark.issuers.rules import BODY, HEADER, QUERY
from mintmark.web import get_mint
from mintmark.web.admin.why_sources import of_issuer, see_page
from mintmark.web.json_body import json_object
from mintmark.web.origins import OriginRefused, see_origin

TRANSPORTS = (HEADER, BODY, QUERY)


def test_token(issuer_id: str) -> ResponseReturnValue:
    """Answer whether a token would sign somebody in by this issuer, with every check."""
    mint = get_mint()
    try:
        see_origin(request, mint.settings)
        token, transport = _asked()
    except OriginRefused as error:
        return jsonify(error=str(error), code=error.code), 403
    except BadParameters as error:
        return jsonify(error=str(error), code="bad_request"), 400
    row, now = saving.get_issuer(issuer_id), mint.clock()
    try:
        unverified = checking.read(token)
    except TokenRefused as refused:
        checks = [{"name": refused.reason, "passed": False, "words": refused.words}]
        return jsonify(_verdict(refused.row.error, refused.row.code, checks, None))
    candidate = finding.candidate(row, settings=mint.settings, now=now)
    sent = Sent(now=now, transport=transport, see_page=see_page)
    found = explaining.explain(unverified, of_issuer(candidate), sent)
    return jsonify(as_json(found))


def _asked() -> tuple[str, str]:
    """Return the token and by which way it is to be thought to come. Raises BadParameters."""
    body = json_object(request)
    token, transport = body.get("token"), body.get("transport", BODY)
    if not isinstance(token, str) or not token or transport not in TRANSPORTS or set(body) - {"token", "transport"}:
        raise BadParameters('It takes {"token": "…"}, and beside it "transport": "header", "body" or "query".')
    return token, transport


def as_json(found: Explained) -> dict[str, Any]:
    """Return what an issuer would say of a token."""
    checks = [{"name": check.name, "passed": check.passed, "words": check.words} for check in found.checks]
    person = found.person and {
        "id": found.person.id,
        "username": found.person.username,
        "would_be_made": found.person.id is None,
    }
    row = explaining.row_of(found)
    return _verdict(row.error if row else None, row.code if row else None, checks, person)


def _verdict(error: str | None, code: str | None, checks: list[Any], person: Any) -> dict[str, Any]:
    return {"accepted": error is None, "error": error, "code": code, "checks": checks, "person": person}
