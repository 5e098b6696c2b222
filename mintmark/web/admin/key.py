"""One signing key: its life, what verifiers need of it, the assets that it signs for; and the acts on it."""

import json
import re

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark.errors import FieldError, InvalidFields
from mintmark.keypairs import spki_pem
from mintmark.keys import changing, listing, rings
from mintmark.keys.life import REVOKED
from mintmark.keys.publishing import jwk_of
from mintmark.models import SigningKey, writing
from mintmark.records.unexpired import unexpired
from mintmark.web import freshness
from mintmark.web.admin import key_next, key_revoke
from mintmark.web.admin.key_seen import SEEN_LABEL, lock_as_seen
from mintmark.web.admin.key_shown import MAX_ASSETS, facts_of, for_verifiers, is_to_come, life_of
from mintmark.web.admin.moment_entered import moment_typed, read_moment_entered
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("key", __name__, url_prefix="/admin/keys/<signing_key_id>")
LABELS = {"signs_from_at": "Signs from", "key_id": "This key", **SEEN_LABEL}
bp.get("/next")(key_next.follow_form)
bp.post("/next")(key_next.follow)
bp.post("/plan")(key_next.plan)
bp.get("/revoke")(key_revoke.revoke_form)
bp.post("/revoke")(key_revoke.revoke)


@bp.get("")
def key(signing_key_id: str) -> ResponseReturnValue:
    """Show a signing key."""
    return _page(rings.get_key(signing_key_id))


@bp.get("/public.pem")
def pem(signing_key_id: str) -> Response:
    """Give the public key as PEM (RFC 7468 §13)."""
    key = rings.get_key(signing_key_id)
    return _download(key, spki_pem(key.public), "application/x-pem-file", "pem")


@bp.get("/public.json")
def jwk(signing_key_id: str) -> Response:
    """Give the public key as a JWK (RFC 7517 §4)."""
    key = rings.get_key(signing_key_id)
    return _download(key, json.dumps(jwk_of(key), indent=2) + "\n", "application/jwk+json", "json")


def _download(key: SigningKey, text: str, kind: str, ending: str) -> Response:
    response = Response(text, content_type=kind)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", key.key_id).lstrip(".")
    response.headers["Content-Disposition"] = f'attachment; filename="{name or "key"}.{ending}"'
    return response


@bp.post("/move")
def move(signing_key_id: str) -> ResponseReturnValue:
    """Let a key that does not sign yet do so from another moment on, or as soon as it may."""
    check_csrf()
    values, problems, moment = typed("signs_from_at"), Problems(), None
    freshness.confirm(problems)
    try:
        if request.form.get("when") != "soon":
            with problems.of():
                moment = read_moment_entered(values["signs_from_at"], "signs_from_at")
        problems.see()
        with writing():
            see_right()
            key = rings.get_key(signing_key_id)
            lock_as_seen(key)
            changing.move(key, moment, by=occasion())
    except (InvalidFields, FieldError) as error:
        return _page(rings.get_key(signing_key_id), Form.refused(values, error), 422)
    flash("The moment was moved.")
    return redirect(url_for("key.key", signing_key_id=signing_key_id), 303)


@bp.post("/unpublish")
def unpublish(signing_key_id: str) -> ResponseReturnValue:
    """Take a retired key whose tokens never expire out of the key sets."""
    check_csrf()
    problems = Problems()
    freshness.confirm(problems)
    try:
        problems.see()
        with writing():
            see_right()
            key = rings.get_key(signing_key_id)
            lock_as_seen(key)
            changing.unpublish(key, by=occasion())
    except (InvalidFields, FieldError) as error:
        return _page(rings.get_key(signing_key_id), Form.refused({}, error), 422)
    flash("The key was unpublished: none of its tokens verifies any more.")
    return redirect(url_for("key.key", signing_key_id=signing_key_id), 303)


def _page(key: SigningKey, form: Form | None = None, status: int = 200) -> ResponseReturnValue:
    facts = facts_of(key)
    now, chain = facts["now"], facts["chain"]
    may_move = is_to_come(facts["state_now"])
    return shown(
        "admin/key.html",
        form or Form({"signs_from_at": moment_typed(key.signs_from_at)}),
        status,
        labels=LABELS,
        may_move=may_move,
        earliest=changing.earliest_turn(key, now) if may_move else None,
        assets=listing.assets_of(key.ring_id, limit=MAX_ASSETS),
        warning=chain.warning(now),
        unexpired=unexpired(key, now=now) if facts["state_now"] == REVOKED else None,
        **facts,
        **life_of(key, chain, now),
        **for_verifiers(key, now=now),
    )
