"""What is not there under addresses that are not everybody's: who may not enter learns nothing of it."""

from flask import Blueprint

from mintmark.errors import NotFound

bp = Blueprint("nothing", __name__)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@bp.route("/admin/<path:rest>", methods=_METHODS)
@bp.route("/admin/", methods=_METHODS, defaults={"rest": ""})
@bp.route("/account/<path:rest>", methods=_METHODS)
@bp.route("/account/", methods=_METHODS, defaults={"rest": ""})
def nothing(rest: str) -> str:
    """Say that there is no such page, to whoever may know."""
    raise NotFound("There is no page at this address.")
