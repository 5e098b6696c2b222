"""What the pages of trusted issuers show: the key in words, where a key set stands, warnings, and what to hand over."""

from collections.abc import Sequence
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from mintmark import attributes, groups
from mintmark.errors import FieldError
from mintmark.issuers import finding, secret
from mintmark.issuers.definition import as_entered
from mintmark.issuers.key_sources import DISCOVERED, KEY_SET, SECRET, way_of
from mintmark.issuers.keys import keys_of
from mintmark.issuers.refusals import TokenRefused
from mintmark.issuers.warnings import warnings_of
from mintmark.keypairs import size_in_words
from mintmark.models import Identity, IssuerKey, TrustedIssuer, db
from mintmark.web import get_mint
from mintmark.web.admin import issuer_form, issuer_handing, issuer_key_entered, issuer_key_set
from mintmark.web.admin.issuer_key_entered import KeyEntered
from mintmark.web.forms import Form, shown

_SEEN = "seen"
LABELS = {
    **issuer_form.LABELS,
    **issuer_key_entered.LABELS,
    "public_keys": "Its public keys",
    "discover": "Discovery",
    _SEEN: "This issuer",
}
# The forms of the page, by the names that views give them.
_FORMS = ("none", "live", "remove", "key_switch", "key_removal", "new_key", "secret", "settings")


def people_of(ids: Sequence[str]) -> dict[str, int]:
    """Return issuer → how many identities it has."""
    statement = select(Identity.source_id, func.count()).where(Identity.source_id.in_(ids)).group_by(Identity.source_id)
    return {source_id: amount for source_id, amount in db.session.execute(statement)}


def keys_by_issuer() -> dict[str, tuple[int, int]]:
    """Return issuer → how many of its public keys are live, and how many there are."""
    statement = select(IssuerKey.issuer_id, IssuerKey.live, func.count()).group_by(IssuerKey.issuer_id, IssuerKey.live)
    found: dict[str, tuple[int, int]] = {}
    for issuer_id, live, amount in db.session.execute(statement):
        before = found.get(issuer_id, (0, 0))
        found[issuer_id] = (before[0] + (amount if live else 0), before[1] + amount)
    return found


def see_as_shown(row: TrustedIssuer, seen: str) -> None:
    """Raises FieldError where a locked issuer is not as it stood on the page that was `seen`."""
    if str(row.revised_at) != seen:
        words = "was changed since this page was loaded: look at what stands here now, and send the form once more"
        raise FieldError(words, _SEEN)


def page(
    row: TrustedIssuer, *, status: int = 200, seen: str | None = None, changed: Any = (), **refused: Form
) -> ResponseReturnValue:
    """Return the page of an issuer; a form that was refused stands there as it was typed.

    `seen` is the version on which the form of the settings stands, `changed` where it differs from what was typed.
    """
    entered, keys = as_entered(row, groups.names_by_id()), keys_of(row.id)
    way = way_of(row.definition)
    fresh = issuer_key_entered.new_values("secret_made" if way == SECRET else "key_pasted")
    forms = {name: Form({}) for name in _FORMS} | {"settings": Form(issuer_form.values_of(entered))}
    forms |= {"new_key": Form(fresh), "secret": Form(fresh)}
    key_set = issuer_key_set.stored(row) if way in (KEY_SET, DISCOVERED) else None
    return shown(
        "admin/issuer.html",
        (forms | refused)["settings"],
        status,
        row=row,
        entered=entered,
        way=way,
        keys=[(key, size_in_words(key.public)) for key in keys],
        key_set=key_set,
        kept=_kept(entered),
        identities=people_of([row.id]).get(row.id, 0),
        is_weak=secret.is_weak(row),
        warnings=_warnings(row, keys, key_set),
        forms=forms | refused,
        refused=next(iter(refused), None),
        seen=row.revised_at,
        settings_seen=seen or row.revised_at,
        changed=changed,
        labels=LABELS,
        new_key_how=issuer_key_entered.NEW_KEY,
        new_secret_how=issuer_key_entered.NEW_SECRET,
        **_handing(row, entered, [key.key_id for key in keys if key.live]),
    )


def _kept(entered: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what of a token is kept of its person, and in which claim it stands."""
    rights = ("groups", "roles", "permissions")
    claims = [(name, entered[f"{name}_claim"]) for name in rights if entered[f"{name}_claim"]]
    return [*entered["attribute_map"].items(), *claims]


def _handing(row: TrustedIssuer, entered: dict[str, Any], key_ids: list[str]) -> dict[str, Any]:
    site = get_mint().settings.site_url
    sign_in = f"{site}/auth/jwt"
    return {
        "sign_in": sign_in,
        "commands": issuer_handing.commands(sign_in),
        "snippet": issuer_handing.snippet(entered, key_ids),
        "start_link": f"{site}/auth/jwt/start/{row.name}" if entered["start_url"] else None,
    }


def key_page(row: TrustedIssuer, form: Form | None = None, status: int = 200) -> ResponseReturnValue:
    """Return the page where an issuer gets another way to its key."""
    usual = issuer_key_entered.values_of(row.definition)
    more = {"row": row, "seen": row.revised_at, "how": issuer_key_entered.HOW, "labels": LABELS}
    return shown("admin/issuer_key.html", form or Form(usual), status, **more)


def handed_page(row: TrustedIssuer, key: KeyEntered) -> ResponseReturnValue:
    """Return the page that shows once what was made for an issuer."""
    return render_template("admin/issuer_handed.html", row=row, is_secret=key.secret is not None, key=key)


def _warnings(
    row: TrustedIssuer, keys: Sequence[IssuerKey], key_set: issuer_key_set.Stored | None
) -> list[tuple[str, str]]:
    """Return what stays true until somebody mends it: (danger or warning, words)."""
    said = [] if row.live else ["it is switched off: its tokens are refused as those of somebody unknown"]
    said += warnings_of(row, keys, attributes.declared())
    try:
        finding.see_is_not_ours(row, settings=get_mint().settings)
    except TokenRefused as refused:
        said.append(f"{refused.words}: nobody comes in by it")
    if key_set is not None and key_set.found.problem:
        said.append(f"its keys were not read at the last attempt. {key_set.found.problem}")
    return [("danger" if _stops(words) else "warning", words[0].upper() + words[1:]) for words in said]


def _stops(words: str) -> bool:
    return words.endswith(("every token of it is refused", "nobody comes in by it"))
