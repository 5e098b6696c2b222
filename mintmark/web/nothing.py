"""What is not there under addresses that are not everybody's: who may not enter learns nothing of it.

Every method is taken, also at the pages that are there: what no page answers is refused by who asks (403), not by
method (405). These rules come last, and a page that answers wins.
"""

from flask import Blueprint

from mintmark.errors import NotFound

bp = Blueprint("nothing", __name__)
_CHANGING = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"]


@bp.route("/admin/<path:rest>", methods=["GET", *_CHANGING])
@bp.route("/admin/", methods=["GET", *_CHANGING])
@bp.route("/admin", methods=_CHANGING)
@bp.route("/account/<path:rest>", methods=["GET", *_CHANGING])
@bp.route("/account/", methods=["GET", *_CHANGING])
@bp.route("/account", methods=_CHANGING)
def nothing(rest: str = "") -> str:
    """Say that there is no such page, to whoever may know."""
    raise NotFound("There is no page at this address, or it does not take this.")
