"""Help: what an asset is, and what a template may say, for anybody who is signed in."""

from flask import Blueprint, render_template
from sqlalchemy import select

from mintmark import payload
from mintmark.models import Attribute, db
from mintmark.web import help_tables

bp = Blueprint("help", __name__)
MAX_ATTRIBUTES = 200


@bp.get("/help")
def help() -> str:
    """Show everything on one page, each part under an anchor of its own."""
    declared = db.session.scalars(select(Attribute).order_by(Attribute.name).limit(MAX_ATTRIBUTES + 1)).all()
    shown = [(each, help_tables.attribute_example(each.name, each.type)) for each in declared[:MAX_ATTRIBUTES]]
    return render_template(
        "help.html",
        tables=help_tables,
        attributes=shown,
        has_more_attributes=len(declared) > MAX_ATTRIBUTES,
        attribute_types=payload.ATTRIBUTE_TYPES,
    )
