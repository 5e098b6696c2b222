"""Making and editing an asset. Each save is a revision; who comes second is told, with both texts.

Editors change name and template and nothing else, whatever they post: who writes the template
can sign as anybody at that relying party, and need not have the key as well.
"""

from typing import Any

from flask import Blueprint, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from mintmark import attributes, groups
from mintmark.assets import revisions, save
from mintmark.assets.anew import read_anew
from mintmark.assets.in_words import label_of
from mintmark.assets.party_changes import differing as differing_fields
from mintmark.errors import FieldError, InvalidFields, SealError
from mintmark.keys.rings import Choice
from mintmark.models import Asset, Revision, writing
from mintmark.presets import all_presets, find_preset, read_answers
from mintmark.web import get_mint
from mintmark.web.admin import key_chosen, new_begun, new_entered, presets, secret_entered
from mintmark.web.admin.asset_conflict import differing
from mintmark.web.admin.asset_entered import (
    EDITORS_FIELDS,
    LABELS,
    MAX_BOXES,
    as_stored,
    read_entered,
    typed_values,
    values_of,
)
from mintmark.web.admin.key_sharing import at_template
from mintmark.web.admin.one_asset import SavedMeanwhile, get_asset, lock_as_seen, look_again
from mintmark.web.admin.secret_entered import typed_secret_values
from mintmark.web.admin.template_check import breaches_of, look_at, problems_of, typed_beside
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import NotAllowed, may_administer, see_right

bp = Blueprint("asset_form", __name__, url_prefix="/admin/assets")
_NOT_EDITED = ("path", "live", "signing_key")  # These have acts of their own.


@bp.get("/new")
def draft() -> ResponseReturnValue:
    """Show the form of an asset to be made, as it is usual, or as a preset fills it in."""
    if not (slug := request.args.get("preset")):
        return _page(Form(new_begun.usual(request.args.get("under", ""))))
    preset, given = presets.get_preset(slug), presets.given_answers()
    try:
        answers = read_answers(preset.questions, given)
    except InvalidFields as error:
        return presets.asked_again(preset, given, error)
    return _page(Form(new_begun.of_preset(preset, answers)))


@bp.post("/new")
def create_asset() -> ResponseReturnValue:
    """Make an asset as revision 1, and show what it gives; or only begin with a template, or look at one."""
    check_csrf()
    if request.form.get("act") == "begin":
        return _page(Form(new_begun.from_elsewhere()))
    now = get_mint().clock()
    values = typed_values() | typed("begun") | new_entered.typed_key_values() | typed_secret_values()
    values = new_entered.with_algorithm_of_key(values, now)
    if _is_check():
        return _page(Form(values), is_checked=True)
    try:
        new = new_entered.read_new(values, now)
        with writing():
            see_right()
            asset = new.save(sealer=get_mint().settings.sealer, by=occasion())
            asset_id, path = asset.id, asset.path
    except (InvalidFields, FieldError) as error:
        return _page(Form.refused(values, error), 422)
    except IntegrityError:
        return _page(Form.refused(values, _group_gone()), 409)
    look_again(asset_id)
    needs = "What the relying party needs stands on its overview." if new.key else ""
    flash(" ".join(filter(None, ("Saved as revision 1.", new.followed, needs))))
    return redirect(url_for("preview.preview", path=path), 303)


@bp.get("/<asset_id>/edit")
def form(asset_id: str) -> ResponseReturnValue:
    """Show an asset as it is, to be changed."""
    asset = get_asset(asset_id)
    return _page(Form(_values_now(save.current_revision(asset))), asset=asset, revision=asset.revision)


@bp.post("/<asset_id>/edit")
def revise_asset(asset_id: str) -> ResponseReturnValue:
    """Save the next revision, unless somebody else did so since the form was loaded."""
    check_csrf()
    asset = get_asset(asset_id)
    before, seen, is_admin = save.current_revision(asset), request.form.get("revision", ""), may_administer()
    values = _typed_now(before, is_admin=is_admin)
    if _is_check():
        return _page(Form(values), asset=asset, revision=seen, is_checked=True)
    try:
        definition, followed = _read_revised(values, before, seen)
        if seen != str(before.number):  # Whatever was posted: what is kept of an asset is that of the revision seen.
            raise SavedMeanwhile("Somebody else saved this asset meanwhile.")
        number, changed = _save(asset_id, seen, definition, is_admin=is_admin)
    except (InvalidFields, FieldError) as error:
        return _page(Form.refused(values, error), 422, asset=get_asset(asset_id), revision=seen)
    except (SavedMeanwhile, IntegrityError):
        return _conflict(asset_id, values, seen)
    if changed:
        look_again(asset_id)
    flash(f"Saved as revision {number}. {followed}".strip() if changed else "Nothing was changed.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


@bp.post("/check")
@bp.post("/<asset_id>/check")
def check_template(asset_id: str | None = None) -> ResponseReturnValue:
    """Look at a template while it is written, with what stands beside it."""
    check_csrf()
    kept = save.current_revision(get_asset(asset_id)).definition if asset_id else None
    beside = typed_beside(kept, get_mint().clock())
    return jsonify(look_at(request.form.get("template", ""), request.form.get("params", ""), beside))


def _is_check() -> bool:
    return request.form.get("act") == "check"


def _read_revised(values: dict[str, Any], before: Revision, seen: str) -> tuple[dict[str, Any], str]:
    """Return the definition to be saved, and what to say of it: of an editor only name and template are taken."""
    kept = before.definition
    if not may_administer():
        return read_anew({**kept, **{name: values[name] for name in EDITORS_FIELDS}}, key_stays=True), ""
    ring = kept.get("signing_key") or ""
    fixed = {**{name: kept.get(name) for name in _not_edited(before)}, "signing_key": ring}
    return read_entered(
        {**values, **fixed},
        group_ids=groups.ids_by_key(),
        attributes=attributes.declared(),
        keys={ring: Choice(ring, kept["algorithm"])},
        before=kept if seen == str(before.number) else None,  # Else nothing is saved.
        kept=kept,
    )


def _save(asset_id: str, seen: str, definition: dict[str, Any], *, is_admin: bool) -> tuple[int, list[str]]:
    """Save where the revision is still the one that was seen; return its number and what changed."""
    with writing():
        see_right()  # Once more: it may have been taken away while this was read.
        if may_administer() != is_admin:
            raise NotAllowed("What you may do here was changed at this moment. Load the page again.")
        asset = lock_as_seen(asset_id, seen)
        changed = _revise(asset, definition, by_editor=not is_admin)
        return asset.revision, changed


def _revise(asset: Asset, definition: dict[str, Any], *, by_editor: bool) -> list[str]:
    """Save a revision; what is wrong with the secret, which is not on this form, is said of the algorithm."""
    sealer = get_mint().settings.sealer
    try:
        return save.revise(asset, definition, None, sealer=sealer, by=occasion(), by_editor=by_editor)
    except SealError:
        words = "cannot be changed while the present secret does not open: give it a new one on the page Secret"
        raise FieldError(words, "algorithm") from None
    except FieldError as error:
        if error.field != "secret":
            raise at_template(error) from None
        raise FieldError(f"does not go with the present secret, which {error}", "algorithm") from None


def _conflict(asset_id: str, values: dict[str, Any], seen: str) -> ResponseReturnValue:
    """Show both texts; the form now stands on what is there, so that saving again is deliberate."""
    asset = get_asset(asset_id)
    now, names = save.current_revision(asset), groups.names_by_id()
    if str(now.number) == seen:
        return _page(Form.refused(values, _group_gone()), 409, asset=asset, revision=seen)
    values_now = _values_now(now)
    if "algorithm" in values_now:  # Which of them there is to choose from follows from what signs now.
        values = {"algorithm": values_now["algorithm"], **values}
    values = {name: value for name, value in values.items() if name not in _not_edited(now)}
    found = list(differing(values_now, values, names))
    if not found:
        flash(f"Nothing was changed: this is how it stands since revision {now.number}.")
        return redirect(url_for("asset.asset", asset_id=asset_id), 303)
    more = {"saved": revisions.get_saved(asset, now.number), "differences": found, "now": values_now}
    return _page(Form(values), 409, "admin/asset_conflict.html", asset=asset, revision=now.number, **more)


def _typed_now(before: Revision, *, is_admin: bool) -> dict[str, Any]:
    """Return what was typed into the fields that may be edited; the form of a signing key has no algorithm."""
    values = as_stored(typed_values(only=() if is_admin else EDITORS_FIELDS), _values_now(before))
    if is_admin and "algorithm" not in request.form:
        values["algorithm"] = before.definition["algorithm"]
    return {name: value for name, value in values.items() if name not in _not_edited(before)}


def _not_edited(revision: Revision) -> tuple[str, ...]:
    """A signing key has one algorithm; a secret is good for others."""
    return (*_NOT_EDITED, "algorithm") if revision.definition.get("signing_key") else _NOT_EDITED


def _group_gone() -> FieldError:
    return FieldError("held a group that was taken away at this moment; see what is chosen now", "readers")


def _values_now(revision: Revision) -> dict[str, Any]:
    """Return what who is signed in may edit, as it is."""
    values = values_of(revision.definition, groups.names_by_id())
    return values if may_administer() else {name: values[name] for name in EDITORS_FIELDS}


def _page(
    form: Form,
    status: int = 200,
    page: str = "admin/asset_form.html",
    *,
    asset: Asset | None = None,
    **more: Any,
) -> ResponseReturnValue:
    names = groups.names_by_id()
    boxes = sorted(names.items(), key=lambda group: group[1].casefold()) if len(names) <= MAX_BOXES else None
    params = form.values.get("params")
    if params is None and asset is not None:
        params = values_of(save.current_revision(asset).definition, names)["params"]
    faults = problems_of(form.values["template"], params or "")
    if "template" in form.problems and faults:
        form.problems["template"] = f"has {len(faults)} problem{'s' if len(faults) > 1 else ''}, listed beneath it"
    breaches = []
    if more.get("is_checked"):  # A save says them at their fields.
        kept = save.current_revision(asset).definition if asset else None
        breaches = breaches_of(form.values["template"], params or "", typed_beside(kept, get_mint().clock()))
    labels = LABELS | secret_entered.LABELS | {"key_id": "Key id"}
    labels = {name: label for name, label in labels.items() if name in form.values}
    more |= {"labels": labels, "asset": asset, "boxes": boxes, "params": params, "faults": faults, "breaches": breaches}
    if may_administer():
        more |= {"presets": all_presets(), "preset": find_preset(form.values["preset"])}
    if asset is None:
        more["keys"] = key_chosen.choices(get_mint().clock())
        more |= presets.begun_with(form.values["preset"], form.values["ask"])
    elif may_administer():
        present = save.current_revision(asset).definition
        more["differing"] = [label_of(field).lower() for field in differing_fields(present)]
        if asset.ring_id is not None:
            more["fixed_algorithm"] = present["algorithm"]
    return shown(page, form, status, **more)
