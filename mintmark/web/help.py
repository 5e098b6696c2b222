"""Help: what an asset is, and what a template may say, for anybody who is signed in."""

from flask import Blueprint, render_template
from flask_login import current_user

from mintmark import attributes, payload
from mintmark.presets import all_presets
from mintmark.web import help_contracts, help_tables
from mintmark.web.rights import edits, may_administer

bp = Blueprint("help", __name__)


@bp.get("/help")
def help() -> str:
    """Show everything on one page, each part under an anchor of its own.

    What is sensitive is named to those alone who write templates: it says what is kept of people.
    """
    sees_all = may_administer() or edits(current_user.person)
    seen = [each for each in attributes.every() if sees_all or not each.sensitive]
    shown = [(each, help_tables.attribute_example(each.name, each.type)) for each in seen]
    return render_template(
        "help.html",
        tables=help_tables,
        contracts=help_contracts,
        presets=list(all_presets().values()),
        attributes=shown,
        attribute_types=payload.ATTRIBUTE_TYPES,
    )
