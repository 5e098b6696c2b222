"""How an application verifies the tokens of an asset: code to copy, filled in with what is fixed about them.

Rule: all of it is public. A secret never stands in the code, which reads it where it runs.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template

from mintmark import payload
from mintmark.assets import save
from mintmark.assets.prepare import Prepared
from mintmark.assets.signing import sources_of
from mintmark.contracts import Contract
from mintmark.models import Asset, db
from mintmark.verify_snippets import LEEWAY, Facts, snippets_for
from mintmark.web import get_mint
from mintmark.web.admin.one_asset import get_asset
from mintmark.web.admin.relying_party import Needs, needs_of

bp = Blueprint("verifying", __name__, url_prefix="/admin/assets")


@bp.get("/<asset_id>/verify")
def verifying(asset_id: str) -> str:
    """Show the code for each language, and what else there is to check."""
    mint, asset = get_mint(), get_asset(asset_id)
    revision = save.current_revision(asset)
    (source,) = sources_of(db.session(), [revision])
    prepared = mint.prepare(asset.id, asset.revision)
    now, url = mint.clock(), mint.settings.site_url
    needs = needs_of(asset, revision.definition, source, prepared.template, now=now, url=url)
    signing = [key for key in needs.keys if not key.is_coming]
    return render_template(
        "admin/verify.html",
        asset=asset,
        definition=revision.definition,
        needs=needs,
        key_id=needs.kid if needs.secret else next((key.row.key_id for key in signing), None),
        facts=(facts := _facts(asset, revision.definition, needs, prepared)),
        snippets=snippets_for(facts),
        leeway=LEEWAY,
    )


def _facts(asset: Asset, definition: Mapping[str, Any], needs: Needs, prepared: Prepared) -> Facts:
    claims = prepared.template.claims if prepared.template else {}
    audience = needs.audience or _constants(prepared.contract, "aud")
    is_known_absent = prepared.template is not None and "aud" not in claims
    return Facts(
        algorithm=definition["algorithm"],
        key_set=None if needs.secret else needs.key_set,
        is_weak=bool(needs.secret and needs.secret.weak),
        audience_is="fixed" if audience else "absent" if is_known_absent else "varies",
        audience=audience[0] if audience else None,
        issuer=next(iter(_literal(claims.get("iss")) or _constants(prepared.contract, "iss")), None),
        has_expiry=definition["lifetime"] is not None,
        typ=definition["headers"].get("typ", "JWT"),
    )


def _literal(claim: payload.Claim | None) -> list[str]:
    """Return the text of a claim that every token has, the same in each."""
    is_fixed = claim is not None and claim.is_certain and isinstance(claim.literal, str)
    return [claim.literal] if claim is not None and is_fixed else []


def _constants(contract: Contract | None, name: str) -> list[str]:
    """Return the texts that a contract holds a claim to: no token with another one leaves the site."""
    rule = contract.claims.get(name, {}) if contract else {}
    found = rule.get("constant") if rule.get("required") else None
    return [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str) and text]
