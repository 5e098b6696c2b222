"""Who may enter the administrator's pages: decided here, before any view runs (ASVS 8.2).

Everything under `/admin` is for administrators. EDITORS_TOO are the endpoints that editors may
enter as well: with an `asset_id` in the address only those of that asset, without one whoever
edits some asset. Whether a thing exists makes no difference to who may not see it.
"""

from flask import request
from flask_login import current_user

from mintmark.assets.reach import edited_by
from mintmark.errors import MintmarkError
from mintmark.models import Asset, Person, db

ADMIN = "/admin"
EDITORS_TOO = frozenset(
    {
        "assets.assets",
        "asset_form.check_template",
        "asset.asset",
        "asset.examine_asset",
        "asset_form.form",
        "asset_form.revise_asset",
        "revisions.revisions",
        "revisions.revision",
        "revisions.bring_back",
        "awkward.awkward",
        "verifying.verifying",
        "delivery.delivery",
    }
)


class NotAllowed(MintmarkError):
    """Who is signed in has no right to this page."""

    code = "not_allowed"


def see_right() -> None:
    """Raises NotAllowed unless who is signed in may enter the endpoint of this request."""
    rule = request.url_rule
    if rule is None or not (rule.rule == ADMIN or rule.rule.startswith(ADMIN + "/")) or may_administer():
        return
    asset_id = (request.view_args or {}).get("asset_id")
    if request.endpoint not in EDITORS_TOO or not edits(current_user.person, asset_id):
        raise NotAllowed("This page is for administrators of this site.")


def may_administer() -> bool:
    """Tell whether who is signed in is an administrator."""
    return bool(current_user.is_authenticated and current_user.person.is_admin)


def edits(person: Person, asset_id: str | None = None) -> bool:
    """Tell whether somebody is an editor of an asset that is not in the trash; without an id, of any."""
    if asset_id is not None and "\x00" in asset_id:  # PostgreSQL takes no such text.
        return False
    statement = edited_by(person).limit(1)
    if asset_id is not None:
        statement = statement.where(Asset.id == asset_id)
    return db.session.scalar(statement) is not None
