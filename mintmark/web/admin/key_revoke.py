"""Revoking a signing key in an emergency, on a page of its own. Mounted by mintmark/web/admin/key.py."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from mintmark import keypairs
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_choice
from mintmark.keys import changing, listing, rings
from mintmark.keys.lasting import longest_lifetime
from mintmark.keys.life import SIGNING, state_of
from mintmark.models import SigningKey, writing
from mintmark.records.unexpired import unexpired
from mintmark.web import freshness, get_mint
from mintmark.web.admin.key_entered import read_new_key_id, size_of
from mintmark.web.admin.key_seen import SEEN_LABEL, lock_as_seen
from mintmark.web.admin.key_shown import facts_of
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

LABELS = {"replacement": "In its place", "key_id": "Key id of the new key", **SEEN_LABEL}
_MADE, _NONE = "made", "none"
_NAMED = 10  # of the assets, the first


def revoke_form(signing_key_id: str) -> ResponseReturnValue:
    """Say what revoking does, and ask."""
    return _page(rings.get_key(signing_key_id), Form({"replacement": _MADE, "key_id": ""}))


def revoke(signing_key_id: str) -> ResponseReturnValue:
    """Let nobody trust the key from now on; where it signs, another one does so at once unless that is not wanted."""
    check_csrf()
    key = rings.get_key(signing_key_id)
    values, problems = typed("replacement", "key_id"), Problems()
    freshness.confirm(problems)
    is_wanted, key_id, pair = False, None, None
    try:
        if state_of(key, get_mint().clock()) == SIGNING:
            with problems.of():
                is_wanted = read_choice(values["replacement"], "replacement", (_MADE, _NONE)) == _MADE
            with problems.of():
                key_id = read_new_key_id(values["key_id"]) if is_wanted else None
        problems.see()
        if is_wanted:
            pair = keypairs.generate(key.algorithm, bits=size_of(key))
        with writing():
            see_right()
            key, sealer = rings.get_key(signing_key_id), get_mint().settings.sealer
            lock_as_seen(key)
            made = changing.revoke(key, pair, key_id, sealer=sealer, by=occasion())
    except (InvalidFields, FieldError) as error:
        return _page(rings.get_key(signing_key_id), Form.refused(values, error), 422)
    flash("The key was revoked. Another one signs in its place." if made else "The key was revoked.")
    return redirect(url_for("key.key", signing_key_id=signing_key_id), 303)


def _page(key: SigningKey, form: Form, status: int = 200) -> ResponseReturnValue:
    facts = facts_of(key)
    longest = longest_lifetime(key)
    return shown(
        "admin/key_revoke.html",
        form,
        status,
        labels=LABELS,
        longest=longest,
        assets=listing.assets_of(key.ring_id, limit=_NAMED),
        unexpired=unexpired(key, now=facts["now"]),
        **facts,
    )
