"""Awkward people: what an asset would give people whom the site makes up, each allowed here."""

from flask import Blueprint, render_template

from mintmark.claims_shown import as_json
from mintmark.examine import Examiner
from mintmark.examine.findings import about_asset
from mintmark.web import get_mint
from mintmark.web.admin.one_asset import get_asset

bp = Blueprint("awkward", __name__, url_prefix="/admin/assets/<asset_id>/awkward")
TIME_LIMIT = 0.5


@bp.get("")
def awkward(asset_id: str) -> str:
    """Show each made-up person with the claims they would get, or why they would get none."""
    mint, asset = get_mint(), get_asset(asset_id)
    prepared = mint.prepare(asset.id, asset.revision)
    examiner = Examiner(now=mint.clock(), site_url=mint.settings.site_url)
    trials = examiner.try_awkward(prepared, time_limit=TIME_LIMIT) if prepared.fault is None else ()
    people = [
        {
            "words": trial.words,
            "claims": trial.claims and as_json(trial.claims, indent=2),
            "failures": trial.failures,
        }
        for trial in trials
    ]
    fault = about_asset(prepared.fault) if prepared.fault else None
    return render_template("admin/awkward.html", asset=asset, people=people, fault=fault)
