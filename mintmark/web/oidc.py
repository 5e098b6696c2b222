"""Signing in with OpenID Connect: there, and back with a code (OpenID Connect Core §3.1, RFC 7636, RFC 9207).

Rule: an answer counts once, in the browser that asked, within ten minutes, and from the provider that was asked; who
is signed in is never changed into somebody else by it (OWASP ASVS 7.6.2, 10.1.2). Whatever fails at a provider, or
takes long there, the other ways to sign in are not touched: one thread waits for providers, and a callback four
seconds altogether.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import MethodNotAllowed

from mintmark.config import Limit
from mintmark.errors import LimitReached, NotFound, SealError
from mintmark.issuers import arriving, checking
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.refusals import TokenRefused
from mintmark.issuers.rules import CODE
from mintmark.models import OpenIDProvider, Session, db
from mintmark.openid import claims, flow, provider_sessions, saving
from mintmark.openid.flow import Pending, ProviderAway, ProviderFailed
from mintmark.openid.rules import verify_id_token
from mintmark.outbound import discovery, waiting
from mintmark.outbound.fetching import NotFetched
from mintmark.web import get_mint, linking
from mintmark.web.attempt import Attempt, count
from mintmark.web.next_page import next_page
from mintmark.web.oidc_answers import (
    PAGES,
    NotAnAnswer,
    NotBegun,
    ProviderRefused,
    SomebodyElse,
    failed,
    refused,
    words_of,
)
from mintmark.web.origins import see_navigation, see_whole_window

bp = Blueprint("oidc", __name__, url_prefix="/auth/oidc")
SECONDS = 600
_BEGUN = "oidc"
_MAX_NEXT = 1_000  # The cookie holds it.
_ANSWERS = Limit(600, 60)  # of one address, behind which a whole campus may be: each makes this site ask the provider
_WAITS = 4  # Seconds for all that one answer makes this site ask.
_CODE = re.compile(r"[\x20-\x7e]{1,4096}", re.ASCII)  # RFC 6749 appendix A.11


@bp.get("/<name>")
def start(name: str) -> ResponseReturnValue:
    """Send the browser to a provider."""
    row = _get_live(name)
    issuer = row.issuer
    try:
        see_navigation(request, get_mint().settings)
        address, pending = _client(row).begin(_metadata(row))
    except tuple(PAGES) as error:
        return failed(name, issuer, error)
    wanted = next_page(request.args.get("next"))
    session[_BEGUN] = {
        "provider": row.id,
        "at": int(get_mint().clock()),
        "state": pending.state,
        "nonce": pending.nonce,
        "code_verifier": pending.code_verifier,
        "next": wanted if len(wanted) <= _MAX_NEXT else "",
    }
    return redirect(address, 303)


@bp.get("/<name>/callback")
def callback(name: str) -> ResponseReturnValue:
    """Take the answer of a provider: sign in, ask whether to link, or say why not."""
    row = _get_live(name)
    attempt = Attempt(CODE, row.issuer)
    try:
        see_whole_window(request, get_mint().settings)
        return _come_in(attempt, row)
    except tuple(PAGES) as error:
        return failed(name, attempt.issuer, error)
    except TokenRefused as error:
        attempt.note(error)
        return refused(name, error)


def _come_in(attempt: Attempt, row: OpenIDProvider) -> ResponseReturnValue:
    given = _given()
    pending, wanted = _find_pending(row.id, given.get("state", ""))
    _count(attempt.now)
    with waiting.turn(_WAITS, row.id):
        session.pop(_BEGUN)  # Not before: whoever has no turn comes again with the same answer.
        metadata = _metadata(row)
        code = _read_answer(given, row.issuer, metadata)
        id_token, arrival = _redeem(attempt, row, metadata, pending, code)
    if linking.is_linking(arrival.source_id, attempt.now):
        return linking.ask(arrival)
    _see_nobody_else(arrival)

    def keep(begun: Session) -> None:
        db.session.flush()
        provider_sessions.purge(attempt.now, get_mint().settings)
        if metadata.get("end_session_endpoint"):
            sealer = get_mint().settings.sealer
            provider_sessions.keep(begun.id, arrival.source_id, id_token, sealer=sealer)

    attempt.sign_in(arrival, keep)
    return redirect(next_page(wanted), 303)


def _count(now: float) -> None:
    """Raises LimitReached. It is counted in this process, or in Redis: nothing can be guessed here."""
    wait = count(_ANSWERS, "openid", now=now)
    if wait is not None:
        raise LimitReached(wait)


def _redeem(
    attempt: Attempt, row: OpenIDProvider, metadata: Mapping[str, Any], pending: Pending, code: str
) -> tuple[str, Arrival]:
    """Return the ID token that a code was worth, and who arrives with it. Raises ProviderFailed, TokenRefused."""
    client, fetch_also = _client(row), get_mint().settings.fetch_also
    db.session.rollback()  # While others take their time, no connection of the database is held.
    redeemed = client.redeem(metadata, pending, code)
    attempt.unverified = checking.read(redeemed.id_token)
    attempt.verified = verified = verify_id_token(
        attempt.unverified, row, metadata, nonce=pending.nonce, now=attempt.now, fetch_also=fetch_also
    )
    said: Mapping[str, Any] = verified.claims
    if redeemed.access_token and metadata.get("userinfo_endpoint") and claims.is_lacking(said, row.definition):
        db.session.rollback()
        said = claims.completed(said, client.userinfo(metadata, redeemed, verified.subject))
    attempt.arrival = claims.arrival_of(row, verified.subject, said)
    return redeemed.id_token, attempt.arrival


def _get_live(name: str) -> OpenIDProvider:
    """Return a provider as it is now, whatever becomes of it while it is waited for.

    Raises NotFound, and MethodNotAllowed for HEAD, which asks for nothing and would use up a code.
    """
    if request.method != "GET":
        raise MethodNotAllowed(valid_methods=["GET"])
    row = saving.find_live(name)
    if row is None:
        raise NotFound("There is no such way to sign in on this site.")
    db.session.expunge(row)
    return row


def _metadata(row: OpenIDProvider) -> dict[str, Any]:
    """Return what the provider says of itself. Raises ProviderFailed."""
    settings, issuer = get_mint().settings, row.issuer
    try:
        metadata = discovery.metadata_of(issuer, now=get_mint().clock(), fetch_also=settings.fetch_also)
    except NotFetched as error:
        raise ProviderAway(f"What it says of itself cannot be had. {error}") from error
    if lacking := [name for name in flow.NEEDED if name not in metadata]:
        raise ProviderFailed(f"Its discovery document does not say its {lacking[0]}.")
    return metadata


def _client(row: OpenIDProvider) -> flow.Client:
    settings = get_mint().settings
    address = flow.redirect_uri(settings.site_url, row.name)
    try:
        return flow.client_of(row, redirect_uri=address, sealer=settings.sealer, fetch_also=settings.fetch_also)
    except SealError:
        raise ProviderFailed("Its client secret does not open here; an administrator can enter it anew.") from None


def _given() -> dict[str, str]:
    """Return the parameters of an answer, each of them once (RFC 6749 §3.1). Raises NotAnAnswer."""
    given = dict(request.args.lists())
    if any(len(values) != 1 for values in given.values()):
        raise NotAnAnswer("Something in it stands twice.")
    return {name: value for name, [value] in given.items()}


def _find_pending(provider_id: str, state: str) -> tuple[Pending, str]:
    """Return what this browser asked of this provider, and where it goes on. Raises NotBegun."""
    begun: dict[str, Any] = session.get(_BEGUN) or {"provider": None, "state": ""}
    is_right = hmac.compare_digest(begun["state"].encode(), state.encode("utf-8", "replace"))
    if begun["provider"] != provider_id or not is_right:
        raise NotBegun("It was begun in another browser, or another one was begun since. Begin again.")
    if not 0 <= get_mint().clock() - begun["at"] <= SECONDS:
        session.pop(_BEGUN)
        raise NotBegun("It took longer than ten minutes. Begin again.")
    return Pending(begun["state"], begun["nonce"], begun["code_verifier"]), begun["next"]


def _read_answer(given: Mapping[str, str], issuer: str, metadata: Mapping[str, Any]) -> str:
    """Return the code. Raises NotAnAnswer, ProviderRefused.

    An answer that says who gives it comes from the provider that was asked, or it is none (RFC 9207 §2.4).
    """
    must_say = metadata.get("authorization_response_iss_parameter_supported") is True
    if ("iss" in given or must_say) and given.get("iss") != issuer:
        raise NotAnAnswer("It does not come from the provider that was asked.")
    if "error" in given:
        raise ProviderRefused(words_of(given["error"]))
    if not _CODE.fullmatch(given.get("code", "")):
        raise NotAnAnswer("It has no code.")
    return given["code"]


def _see_nobody_else(arrival: Arrival) -> None:
    """Raises SomebodyElse: a navigation never changes who is signed in (ASVS 7.6.2)."""
    if not current_user.is_authenticated:
        return
    person = arriving.find_person(arrival)
    if person is None or person.id != current_user.person.id:
        raise SomebodyElse(
            f"You are signed in as {current_user.person.username}, and came back as somebody else."
            " Sign out first, and begin again."
        )
