"""Help: what an asset is, and what a template may say, for anybody who is signed in."""

from flask import Blueprint, render_template
from flask_login import current_user
from sqlalchemy import select, true

from mintmark import payload
from mintmark.models import Attribute, db
from mintmark.web import help_tables
from mintmark.web.rights import edits, may_administer

bp = Blueprint("help", __name__)
MAX_ATTRIBUTES = 200


@bp.get("/help")
def help() -> str:
    """Show everything on one page, each part under an anchor of its own.

    What is sensitive is named to those alone who write templates: it says what is kept of people.
    """
    seen = true() if may_administer() or edits(current_user.person) else ~Attribute.sensitive
    statement = select(Attribute).where(seen).order_by(Attribute.name).limit(MAX_ATTRIBUTES + 1)
    declared = db.session.scalars(statement).all()
    shown = [(each, help_tables.attribute_example(each.name, each.type)) for each in declared[:MAX_ATTRIBUTES]]
    return render_template(
        "help.html",
        tables=help_tables,
        attributes=shown,
        has_more_attributes=len(declared) > MAX_ATTRIBUTES,
        attribute_types=payload.ATTRIBUTE_TYPES,
    )
