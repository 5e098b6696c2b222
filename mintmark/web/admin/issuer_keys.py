"""The key of a trusted issuer: public keys added, switched and taken away; another secret; another way to its keys.

Rule: each asks for the password where the sign-in is a while ago (ASVS 7.5.3). What is made here is shown in the answer
and never again, so that the answer is a page and no redirect.
"""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import groups
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import may_repeat
from mintmark.issuers import definition, keys, saving
from mintmark.models import TrustedIssuer
from mintmark.tokens import SECRET_ALGORITHMS
from mintmark.web import freshness, get_mint
from mintmark.web.admin import issuer_form, issuer_key_entered, issuer_key_set
from mintmark.web.admin.issuer_acts import do, done, refuse
from mintmark.web.admin.issuer_key_entered import HOW, NEW_KEY, NEW_SECRET, KeyEntered
from mintmark.web.admin.issuer_shown import handed_page, key_page
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, typed
from mintmark.web.occasion import occasion


def add_key(issuer_id: str) -> ResponseReturnValue:
    """Add a public key: theirs, or that of a pair made now, whose private half is handed out."""

    def act(row: TrustedIssuer, key: KeyEntered, _: Any) -> None:
        for each in key.keys:
            keys.add(row, each.key_id, each.members, by=occasion())

    return _take(issuer_id, "new_key", NEW_KEY, act, "The key was added: tokens that it signs are taken from now on.")


def change_secret(issuer_id: str) -> ResponseReturnValue:
    """Put another secret in place of the present one, at once."""

    def act(row: TrustedIssuer, key: KeyEntered, _: Any) -> None:
        if row.definition["algorithm"] not in SECRET_ALGORITHMS or key.secret is None:
            raise FieldError("is not for this issuer, whose tokens are signed with a key", "secret")
        saving.set_secret(row, key.secret, sealer=get_mint().settings.sealer, by=occasion())

    return _take(issuer_id, "secret", NEW_SECRET, act, "The issuer has another secret; the former one is good no more.")


def key_form(issuer_id: str) -> ResponseReturnValue:
    """Show the form of another algorithm, or another way to its key."""
    return key_page(saving.get_issuer(issuer_id))


def change_key(issuer_id: str) -> ResponseReturnValue:
    """Let the tokens be signed with another algorithm, or their keys come another way; all former keys go."""

    def act(row: TrustedIssuer, key: KeyEntered, entered: Any) -> None:
        sealer = get_mint().settings.sealer
        saving.revise(row, entered, secret=key.secret, keys=key.keys, sealer=sealer, by=occasion())

    return _take(issuer_id, "key", HOW, act, "Tokens are taken that are signed so, and no others.", is_any=True)


def _take(
    issuer_id: str,
    place: str,
    choices: list[tuple[str, str]],
    act: Callable[[TrustedIssuer, KeyEntered, Any], None],
    words: str,
    *,
    is_any: bool = False,
) -> ResponseReturnValue:
    """Read or make a key and do the act with it; `is_any`: of the algorithm that was typed, else the issuer's.

    The act is also given what the issuer becomes, where it is any; addresses are looked at before the transaction.
    """
    check_csrf()
    values, problems = typed("algorithm") | issuer_key_entered.typed_values(), Problems()
    freshness.confirm(problems)
    row = saving.get_issuer(issuer_id)
    algorithm = values["algorithm"] if is_any else row.definition["algorithm"]
    try:
        how = issuer_key_entered.read_how(values, algorithm, problems, choices)
        entered = _become(row, values, how, problems) if is_any and how else None
        key = issuer_key_entered.read_key(values, how, algorithm, problems)
        problems.see()
        assert key is not None  # noqa: S101 — for the type checker: else there is a problem.
        row = done(issuer_id, lambda row: act(row, key, entered))
    except (InvalidFields, FieldError) as error:
        typed_again = issuer_key_entered.to_show(values)
        if is_any:
            return key_page(saving.get_issuer(issuer_id), Form.refused(typed_again, error), 422)
        return refuse(issuer_id, place, typed_again, error)
    if key.handed:
        return handed_page(row, key)
    flash(words)
    return redirect(url_for("issuer.issuer", issuer_id=issuer_id), 303)


def _become(row: TrustedIssuer, values: dict[str, Any], how: str, problems: Problems) -> Any:
    """Return what an issuer becomes with another algorithm or way to its keys, all else as it stands."""
    now = issuer_form.values_of(definition.as_entered(row, groups.names_by_id()))
    address = issuer_key_entered.address_of(values, how)
    return issuer_form.read_entered({**now, "algorithm": values["algorithm"]}, problems, **address)


def switch_key(issuer_id: str) -> ResponseReturnValue:
    """Switch a public key on or off."""
    check_csrf()
    problems, key_id, live = Problems(), _key_id(), request.form.get("live") == "on"
    freshness.confirm(problems)

    def act(row: TrustedIssuer) -> None:
        keys.switch(row, key_id, live, by=occasion())

    words = "The key is live." if live else "The key is switched off: what it signed is refused."
    return do(issuer_id, "key_switch", problems, act, words, values={"key_id": key_id})


def remove_key(issuer_id: str) -> ResponseReturnValue:
    """Take a public key away."""
    check_csrf()
    problems, key_id = Problems(), _key_id()
    freshness.confirm(problems)

    def act(row: TrustedIssuer) -> None:
        keys.remove(row, key_id, by=occasion())

    words = "The key was taken away: what it signed is refused."
    return do(issuer_id, "key_removal", problems, act, words, values={"key_id": key_id})


def _key_id() -> str:
    text = request.form.get("key_id", "")
    return text if may_repeat(text) else ""


def read_key_set(issuer_id: str) -> ResponseReturnValue:
    """Read the key set of an issuer at its address now, where that was not done within the last minute."""
    check_csrf()
    flash(issuer_key_set.read_now(saving.get_issuer(issuer_id)))
    return redirect(url_for("issuer.issuer", issuer_id=issuer_id), 303)
