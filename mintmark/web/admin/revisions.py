"""The revisions of an asset: who saved what and when, what differs, and one click that brings an old one back.

Who brings one back says which revision they saw as the present one: where somebody saved
meanwhile, nothing is saved over theirs unseen (409).
"""

import re
from dataclasses import replace

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from mintmark import groups
from mintmark.assets import revisions as kept
from mintmark.assets.differences import Difference, difference
from mintmark.assets.in_words import NEXT_SECRET, in_words, label_of, visible
from mintmark.errors import FieldError, InvalidFields
from mintmark.keys import rings
from mintmark.models import Asset, Revision, writing
from mintmark.web import get_mint
from mintmark.web.admin.key_sharing import at_template
from mintmark.web.admin.one_asset import SavedMeanwhile, get_asset, lock_as_seen, look_again
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, shown
from mintmark.web.occasion import occasion
from mintmark.web.rights import may_administer, see_right

bp = Blueprint("revisions", __name__, url_prefix="/admin/assets/<asset_id>/revisions")
_NUMBER = "<int(max=999999999):number>"
_WHAT_SIGNS = ("signing_key", NEXT_SECRET)
_TO_EDITORS = {"before": "not shown", "after": "changed; administrators see what signs"}


@bp.get("")
def revisions(asset_id: str) -> ResponseReturnValue:
    """Show a page of revisions, newest first."""
    asset, before = get_asset(asset_id), _number(request.args.get("after"))
    saved, has_more = kept.page(asset, before=before)
    next_url = url_for(".revisions", asset_id=asset.id, after=saved[-1].revision.number) if has_more else None
    first_url = url_for(".revisions", asset_id=asset.id) if before is not None else None
    more = {"asset": asset, "saved": saved, "next_url": next_url, "first_url": first_url, "label_of": label_of}
    return shown("admin/revisions.html", Form({}), 200, **more)


@bp.get(f"/{_NUMBER}")
def revision(asset_id: str, number: int) -> ResponseReturnValue:
    """Show one revision: what differs from the one before (or `to`), and all of it."""
    return _page(get_asset(asset_id), number, to=_number(request.args.get("to")))


@bp.post(f"/{_NUMBER}/bring-back")
def bring_back(asset_id: str, number: int) -> ResponseReturnValue:
    """Save an old revision as a new one."""
    check_csrf()
    try:
        new_number, changed = _bring_back(asset_id, number)
    except (FieldError, InvalidFields) as error:
        refused = at_template(error) if isinstance(error, FieldError) else error
        return _page(get_asset(asset_id), number, form=Form.refused({}, refused), status=422)
    except (SavedMeanwhile, IntegrityError):
        asset = get_asset(asset_id)
        return _page(asset, number, to=asset.revision, meanwhile=kept.get_saved(asset, asset.revision), status=409)
    if changed:
        look_again(asset_id)
    words = f"Revision {number} was brought back; it is revision {new_number} now."
    flash(words if changed else "Nothing was changed: this is how the asset is now.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


def _bring_back(asset_id: str, number: int) -> tuple[int, list[str]]:
    with writing():
        see_right()
        asset = lock_as_seen(asset_id, request.form.get("revision", ""))
        sealer, is_admin = get_mint().settings.sealer, may_administer()
        changed = kept.bring_back(asset, number, sealer=sealer, by=occasion(), by_editor=not is_admin)
        return asset.revision, changed


def _page(
    asset: Asset,
    number: int,
    *,
    to: int | None = None,
    form: Form | None = None,
    meanwhile: kept.Saved | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """`to` is the revision that this one is compared with; the one before, where none is given."""
    saved = kept.get_saved(asset, number)
    other = to if to is not None else number - 1
    base = kept.get_saved(asset, other).revision if other and other != number else None
    names = _names(saved.revision, base)
    return shown(
        "admin/revision.html",
        form or Form({}),
        status,
        asset=asset,
        saved=saved,
        base=base,
        difference=_difference(base, saved.revision, names) if base else None,
        facts=_facts(saved.revision, names),
        text=visible(saved.revision.definition["template"]),
        meanwhile=meanwhile,
        labels={name: label_of(name) for name in saved.revision.definition},
    )


def _names(*shown: Revision | None) -> dict[str, str]:
    """Return the names of all groups, and of the rings of the revisions that are shown, by their ids."""
    ring_ids = [each.ring_id for each in shown if each is not None and each.ring_id is not None]
    return groups.names_by_id() | (rings.names(ring_ids, now=get_mint().clock()) if ring_ids else {})


def _facts(revision: Revision, names: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return name, label and words of everything but the template and the secret."""
    definition = revision.definition
    left_out = ("template",) if may_administer() else ("template", *_WHAT_SIGNS)
    fields = [name for name in definition if name not in left_out]
    return [(name, label_of(name), in_words(name, definition[name], names)) for name in fields]


def _difference(before: Revision, after: Revision, names: dict[str, str]) -> Difference:
    """Say what differs; an editor learns that something else signs, and not what."""
    found = difference(before, after, names)
    if may_administer():
        return found
    changes = [replace(each, **_TO_EDITORS) if each.name in _WHAT_SIGNS else each for each in found.changes]
    return replace(found, changes=changes)


def _number(text: str | None) -> int | None:
    """Return the number of a revision that an address or a form names; None where it is none."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else None
