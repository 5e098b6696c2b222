"""Linking: somebody signed in lets an issuer's subject be theirs, and proves that it is by signing in there.

Rule: only who began it, within ten minutes, in the same browser, by a form of ours; what is linked is what the page
named, for the form carries it sealed. Never by an e-mail address, never by a GET (OWASP ASVS 6.8.1; CWE-352). Between
lies a visit to the issuer: what was begun stands in the browser's session, which ends whenever somebody signs in. It is
answered once: a form is good while the browser waits for its answer, and what was linked by it is spent.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import identities, people
from mintmark.errors import FieldError, MintmarkError
from mintmark.identities import Source
from mintmark.issuers import arriving
from mintmark.issuers.arriving import KEPT_LONGER, Arrival
from mintmark.web import get_mint, sealed_state
from mintmark.web.occasion import occasion

SECONDS = 600
_BEGUN = "linking"
_TOO_LATE = "This was asked too long ago, in another browser, or is answered already. Begin again; nothing was linked."
_NOT_LIVE = "Whoever you came from does not sign people in here any more. Nothing was linked."
_YOU_LEFT = "You began to link an identity, but you are not signed in any more. Sign in, and begin again."
_SOMEBODY_ELSE = "Whom you came as belongs to somebody else on this site. An administrator can unlink it there."


class NotLinked(MintmarkError):
    """An identity was not linked; nothing was changed, and no token was spent."""

    code = "not_linked"


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asks: may this subject of a source be me? `sealed` is for the form alone."""

    source: Source
    claim: str
    subject: str
    sealed: str


def begin(source_id: str) -> None:
    """Keep in this browser who wants to link an identity of a source. The step-up was passed before."""
    now = int(get_mint().clock())
    number = secrets.token_urlsafe(16)
    session[_BEGUN] = {"source": source_id, "person": current_user.person.id, "at": now, "number": number}


def is_linking(source_id: str, now: float) -> bool:
    """Tell whether this browser went to a source to link, be its person signed out meanwhile: then `ask` says so."""
    begun = _begun(now)
    return begun is not None and begun["source"] == source_id


def ask(arrival: Arrival) -> ResponseReturnValue:
    """Answer somebody who came back: ask, on a page with a clean address, or say why there is nothing to ask."""
    begun = _begun(get_mint().clock())
    if begun is None or not _is_person(begun["person"]):
        return _refuse(_YOU_LEFT, 403)
    found = identities.find(arrival.source_id, arrival.claim, arrival.subject)
    if found is not None and found.person_id != begun["person"]:
        return _refuse(_SOMEBODY_ELSE, 409)
    if found is not None:
        session.pop(_BEGUN)
        flash("That identity is linked to you already.")
    else:
        arrived = {"claim": arrival.claim, "subject": arrival.subject, "spends": arrival.spends}
        session[_BEGUN] = {**begun, "arrived": arrived}
    return redirect(url_for("own_identities.identities"), 303)


def question() -> Question | None:
    """Return what is to be asked of who is signed in; None: nothing is."""
    begun = _begun(get_mint().clock())
    if begun is None or "arrived" not in begun or not _is_person(begun["person"]):
        return None
    source = identities.find_source(begun["source"])
    if source is None or not source.live:
        return None
    sealed = sealed_state.seal(begun, _BEGUN, current_user.person.id)
    return Question(source, begun["arrived"]["claim"], begun["arrived"]["subject"], sealed)


def answer_of(sealed: str) -> dict[str, Any]:
    """Return what a form carried, if this browser waits for its answer for who is signed in. Raises NotLinked.

    It is read before the password is asked once more: a new session forgets what was begun.
    """
    begun = sealed_state.find(sealed, _BEGUN, current_user.person.id)
    if begun is None:
        raise NotLinked(_TOO_LATE)
    waits_for = _begun(get_mint().clock()) or {"number": ""}
    is_waiting = hmac.compare_digest(waits_for["number"], begun["number"])
    if not is_waiting or not _is_now(begun, get_mint().clock()) or not _is_person(begun["person"]):
        raise NotLinked(_TOO_LATE)
    return begun


def link(begun: dict[str, Any]) -> Source:
    """Spend the token and link its subject, within the caller's transaction. Raises NotLinked, TokenRefused."""
    by, arrived = occasion(), begun["arrived"]
    source = identities.find_source(begun["source"])
    if source is None:
        raise NotLinked(_NOT_LIVE)
    arriving.spend(_arrival(source, begun), now=by.now)
    source, person = identities.find_source(source.id, is_locked=True), people.lock_person(begun["person"])
    if source is None or not source.live or source.claim != arrived["claim"]:
        raise NotLinked(_NOT_LIVE)
    if person is None or not person.live:
        raise NotLinked(_YOU_LEFT)
    try:
        identities.link(source.id, arrived["claim"], arrived["subject"], person, by=by, issuer=source.issuer)
    except FieldError as error:
        raise NotLinked(f"Whom you came as {error}. Nothing was linked.") from error
    return source


def forget() -> None:
    """Let nothing be begun in this browser."""
    session.pop(_BEGUN, None)


def _begun(now: float) -> dict[str, Any] | None:
    begun = session.get(_BEGUN)
    return begun if isinstance(begun, dict) and _is_now(begun, now) else None


def _is_now(begun: dict[str, Any], now: float) -> bool:
    return bool(0 <= now - begun["at"] <= SECONDS)


def _is_person(person_id: str) -> bool:
    return bool(current_user.is_authenticated and current_user.person.id == person_id)


def _arrival(source: Source, begun: dict[str, Any]) -> Arrival:
    """What arrived without anything to spend is spent by the number of the question, for as long as that is good."""
    arrived = begun["arrived"]
    spends = arrived["spends"] or (begun["number"], begun["at"] + SECONDS + KEPT_LONGER)
    return Arrival(
        source_id=source.id,
        issuer=source.issuer,
        name=source.name,
        claim=arrived["claim"],
        subject=arrived["subject"],
        claims={},
        definition={},
        spends=(spends[0], spends[1]),
    )


def _refuse(words: str, status: int) -> ResponseReturnValue:
    session.pop(_BEGUN, None)
    return render_template("error.html", status=status, title="Nothing was linked", words=words), status
