"""One asset: what it is, what was found about it, what was asked of it lately, and the acts on it as a whole."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mintmark.assets import former, listing, save, seen
from mintmark.assets.prepare import Prepared
from mintmark.assets.signing import Source, sources_of
from mintmark.counts import reading
from mintmark.errors import NotFound
from mintmark.examine import Finding, warnings_of
from mintmark.examine.findings import Failure, about_asset
from mintmark.models import Asset, Person, Revision, db, writing
from mintmark.readers import readers_in_words
from mintmark.records.lately import lately
from mintmark.web import get_mint
from mintmark.web.admin.one_asset import get_asset, look_again
from mintmark.web.admin.party_shown import party_of
from mintmark.web.admin.relying_party import needs_of
from mintmark.web.csrf import check_csrf
from mintmark.web.occasion import occasion
from mintmark.web.rights import may_administer, see_right

bp = Blueprint("asset", __name__, url_prefix="/admin/assets/<asset_id>")
_SHARED = "has the same secret as another asset: a token for one is good for the other"


@bp.get("")
def asset(asset_id: str) -> str:
    """Show an asset."""
    mint, kept = get_mint(), get_asset(asset_id)
    now, url = mint.clock(), mint.settings.site_url
    row = listing.rows(Asset.id == kept.id)[0]
    revision = save.current_revision(kept)
    (source,) = sources_of(db.session(), [revision])
    prepared = mint.prepare(kept.id, kept.revision)
    warnings = _warnings(prepared, revision, source)
    definition, needs = revision.definition, None
    if may_administer():
        needs = needs_of(kept, definition, source, prepared.template, now=now, url=url)
    return render_template(
        "admin/asset.html",
        asset=kept,
        definition=definition,
        needs=needs,
        party=party_of(definition),
        revision=revision,
        saved_by=db.session.get(Person, revision.actor),
        secret=source.secret_at(now),
        url=f"{url}/{kept.path}",
        readers=readers_in_words(row.access, row.group_names),
        editors=sorted(row.group_names[group_id] for group_id in row.access["editors"]),
        warnings=warnings,
        findings=kept.findings or [],
        may_see_findings=may_administer() or all(each.code != "sensitive_attribute" for each in warnings),
        span=reading.month_of(kept.id, now=now),
        counted_up_to=reading.counted_up_to(),
        former=former.of_asset(kept.id, now=now),
        lately=_shown_lately(kept.id),
    )


@bp.post("/switch")
def switch_asset(asset_id: str) -> ResponseReturnValue:
    """Switch an asset on or off; either is a revision."""
    check_csrf()
    is_live = request.form.get("live") == "on"
    with writing():
        see_right()
        kept = save.lock_asset(asset_id)
        definition = {**save.current_revision(kept).definition, "live": is_live}
        changed = save.revise(kept, definition, None, sealer=get_mint().settings.sealer, by=occasion())
    what = "live: its path answers again" if is_live else "switched off: its path answers nobody"
    flash(f"The asset is {what}." if changed else "Nothing was changed.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


@bp.post("/examine")
def examine_asset(asset_id: str) -> ResponseReturnValue:
    """Look anew at what readers would get, and keep what was found."""
    check_csrf()
    was_kept = look_again(asset_id)
    flash("The asset was examined." if was_kept else "The asset was examined, but the result could not be kept.")
    return redirect(url_for("asset.asset", asset_id=asset_id, _anchor="findings"), 303)


@bp.post("/seen")
def mark_seen(asset_id: str) -> ResponseReturnValue:
    """Note that an administrator has seen what editors saved, as far as the revision on the page."""
    check_csrf()
    number = request.form.get("revision", "")
    with writing():
        see_right()
        kept = save.lock_asset(asset_id)
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and 0 < int(number) <= kept.revision):
            raise NotFound("There is no such revision of this asset. Load its page again.")
        was_unseen = seen.mark(kept, int(number), by=occasion())
    flash("What editors saved is marked as seen." if was_unseen else "Nothing was left to be seen.")
    return redirect(url_for("asset.asset", asset_id=asset_id), 303)


def _warnings(prepared: Prepared, revision: Revision, source: Source) -> list[Finding]:
    """Return what is worth a warning now; what nobody can mend by waiting comes first."""
    found = warnings_of(revision, source, prepared.template, now=get_mint().clock())
    if not may_administer():  # Where others keep their assets is not an editor's to know, nor what there is of keys.
        found = [Finding(each.code, _SHARED) if each.code == "shared_secret" else each for each in found]
        found = [each for each in found if each.code != "key_runs_out"]
    return [about_asset(prepared.fault), *found] if prepared.fault else found


def _shown_lately(asset_id: str) -> dict[str, Any]:
    found = lately(asset_id)
    failures = [
        {"row": row, "who": found.people.get(row.person or ""), "failure": Failure.of_detail(row.code or "", detail)}
        for row, detail in found.failures
    ]
    visits = [(visit, found.people.get(visit.person)) for visit in found.visits]
    return {"failures": failures, "visits": visits, "looked_back_to": found.looked_back_to}
