"""How each act on a trusted issuer is done: once, on the issuer as the page showed it, or said at its form why not."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from mintmark.errors import FieldError, InvalidFields
from mintmark.issuers import saving
from mintmark.models import TrustedIssuer, writing
from mintmark.web.admin.issuer_shown import page, see_as_shown
from mintmark.web.forms import Form, Problems
from mintmark.web.rights import see_right

_Act = Callable[[TrustedIssuer], object]


def do(
    issuer_id: str,
    place: str,
    problems: Problems,
    act: _Act,
    words: str,
    *,
    values: Mapping[str, Any] | None = None,
    onward: str = "issuer.issuer",
) -> ResponseReturnValue:
    """Do an act and go on with `words`; what is refused is said at the form `place`, with what was typed there."""
    try:
        problems.see()
        done(issuer_id, act)
    except (InvalidFields, FieldError) as error:
        return refuse(issuer_id, place, values or {}, error)
    flash(words)
    return redirect(url_for(onward, issuer_id=issuer_id if onward == "issuer.issuer" else None), 303)


def done(issuer_id: str, act: _Act) -> TrustedIssuer:
    """Do an act on the issuer where it still is as it was seen, and commit. Raises FieldError."""
    try:
        with writing():
            see_right()
            row = saving.get_issuer(issuer_id, is_locked=True)
            see_as_shown(row, request.form.get("seen", ""))
            act(row)
            return row
    except IntegrityError as error:  # On PostgreSQL two may do the same at one moment.
        raise FieldError("was changed by somebody else at this moment: look at what stands here now", "seen") from error


def refuse(
    issuer_id: str, place: str, values: Mapping[str, Any], error: InvalidFields | FieldError
) -> ResponseReturnValue:
    """Return the page of an issuer with a form as it was typed, and what was wrong."""
    refused: dict[str, Any] = {place: Form.refused(values, error)}
    return page(saving.get_issuer(issuer_id), status=422, **refused)
