"""What an asset signs with: its secret and the next one beside it, or a signing key. Neither is ever shown.

Each act asks for the password where the sign-in is a while ago (ASVS 7.5.3), and is done only where what
signs is still what the page showed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from mintmark.assets import overlap, save
from mintmark.assets.key_field import with_key
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_choice
from mintmark.models import Asset, writing
from mintmark.tokens import SECRET_ALGORITHMS
from mintmark.web import freshness, get_mint
from mintmark.web.admin import key_chosen
from mintmark.web.admin.asset_signing import page, see_as_shown
from mintmark.web.admin.moment_entered import moment_in_words, read_moment_entered
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.admin.secret_entered import read_secret_entered, typed_secret_values
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

bp = Blueprint("asset_secret", __name__, url_prefix="/admin/assets/<asset_id>/secret")


@bp.get("")
def form(asset_id: str) -> ResponseReturnValue:
    """Show what is known of what signs, and the forms for something else."""
    return page(get_asset(asset_id))


@bp.post("")
def change_secret(asset_id: str) -> ResponseReturnValue:
    """Put another secret in place of the present one, or of the signing key, at once."""
    check_csrf()
    values, problems = typed_secret_values() | typed("algorithm", "kid"), Problems()
    freshness.confirm(problems)
    try:
        problems.see()
        number, changed = _change(asset_id, values, request.form.get("seen", ""))
    except (InvalidFields, FieldError) as error:
        return page(get_asset(asset_id), secret=Form.refused(values, error), status=422)
    if changed:
        look_again(asset_id)
    flash(f"Saved as revision {number}." if changed else "Nothing was changed: this is the present secret.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


def _change(asset_id: str, values: dict[str, Any], seen: str) -> tuple[int, list[str]]:
    """Save the secret where what signs is still what the page `seen` showed. Raises FieldError."""
    with writing():
        see_right()
        asset = save.lock_asset(asset_id)
        definition = dict(save.current_revision(asset).definition)
        see_as_shown(asset, seen)
        if definition.get("signing_key") is not None:
            algorithm = read_choice(values["algorithm"], "algorithm", SECRET_ALGORITHMS)
            definition |= {"signing_key": None, "algorithm": algorithm}
        secret = read_secret_entered(values, definition["algorithm"])
        changed = save.revise(asset, definition, secret, sealer=get_mint().settings.sealer, by=occasion())
        return asset.revision, changed


@bp.post("/stage")
def stage(asset_id: str) -> ResponseReturnValue:
    """Stage a secret beside the present one."""
    check_csrf()
    values = typed_secret_values() | typed("kid")

    def act(asset: Asset) -> str:
        secret = read_secret_entered(values, save.current_revision(asset).definition["algorithm"])
        overlap.stage(asset, secret, sealer=get_mint().settings.sealer, by=occasion())
        return "The next secret is staged; the present one goes on signing."

    return _do(asset_id, "secret", values, act)


@bp.post("/switch")
def switch(asset_id: str) -> ResponseReturnValue:
    """Let the staged secret sign: at once, or from a moment on."""
    check_csrf()
    values = typed("switch_at")
    is_now = request.form.get("when") == "now"

    def act(asset: Asset) -> str:
        at = None if is_now else read_moment_entered(values["switch_at"], "switch_at")
        overlap.switch(asset, at, sealer=get_mint().settings.sealer, by=occasion())
        return f"The staged secret signs {'now' if at is None else f'from {moment_in_words(at)} on'}."

    return _do(asset_id, "switch_now" if is_now else "switch", values, act)


@bp.post("/wait")
def wait(asset_id: str) -> ResponseReturnValue:
    """Take the moment of the switch away."""
    check_csrf()
    return _do(asset_id, "wait", {}, _saying("The moment is taken away: the staged secret waits.", overlap.wait))


@bp.post("/step-back")
def step_back(asset_id: str) -> ResponseReturnValue:
    """Sign with the former secret again."""
    check_csrf()
    return _do(
        asset_id, "step_back", {}, _saying("The former secret signs again; the newer one is staged.", overlap.step_back)
    )


@bp.post("/drop")
def drop(asset_id: str) -> ResponseReturnValue:
    """Take the staged secret away."""
    check_csrf()
    return _do(asset_id, "drop", {}, _saying("The staged secret is taken away.", overlap.drop))


@bp.post("/key")
def choose_key(asset_id: str) -> ResponseReturnValue:
    """Sign with a signing key, or with another one."""
    check_csrf()
    values, problems = key_chosen.typed_key_values(), Problems()
    freshness.confirm(problems)
    try:
        chosen = key_chosen.read_key_chosen(values, problems)
    except InvalidFields as error:
        return page(get_asset(asset_id), key=Form.refused(values, error), status=422)

    return _do(asset_id, "key", values, partial(_sign_with, chosen), is_confirmed=True)


def _sign_with(chosen: key_chosen.Chosen, asset: Asset) -> str:
    """Let an asset sign with a key, whose id takes the place of a `kid` of its own; return what was done, in words."""
    sealer, by = get_mint().settings.sealer, occasion()
    key, before = chosen.take(sealer=sealer, by=by), save.current_revision(asset).definition
    save.revise(asset, with_key(before, key), None, sealer=sealer, by=by)
    until = save.current_revision(asset).former_until_at
    when = f"from {moment_in_words(until)} on" if until else "now"
    kid = before["headers"].get("kid")
    was_kid = f" The header “kid” was {kid}; it is the key id now." if kid else ""
    return f"Tokens are signed with {key.key_id} {when}.{was_kid}"


def _saying(words: str, act: Callable[..., Any]) -> Callable[[Asset], str]:
    """Return an act of overlap.py that needs no more than the asset, and what it did, in words."""

    def done(asset: Asset) -> str:
        act(asset, sealer=get_mint().settings.sealer, by=occasion())
        return words

    return done


def _do(
    asset_id: str, place: str, values: dict[str, Any], act: Callable[[Asset], str], *, is_confirmed: bool = False
) -> ResponseReturnValue:
    """Do an act on the asset where it stands as the page showed it; what is refused is said at the form `place`."""
    problems = Problems()
    if not is_confirmed:
        freshness.confirm(problems)
    try:
        problems.see()
        with writing():
            see_right()
            asset = save.lock_asset(asset_id)
            see_as_shown(asset, request.form.get("seen", ""))
            before = asset.revision
            words = act(asset)
            number = asset.revision
    except (InvalidFields, FieldError) as error:
        return page(get_asset(asset_id), status=422, **{place: Form.refused(values, error)})
    if number == before:
        flash("Nothing was changed.")
    else:
        look_again(asset_id)
        flash(f"Saved as revision {number}. {words}")
    return redirect(url_for("asset_secret.form", asset_id=asset_id), 303)
