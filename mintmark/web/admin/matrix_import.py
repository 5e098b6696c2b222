"""A page that turns the payload of a Squiz Matrix JWT asset into a template, with a report line by line.

Nothing is kept: what was pasted stands in the answer only, and an asset is made of it on the form for a new one.
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from mintmark import attributes, matrix
from mintmark.errors import FieldError
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, shown, typed

bp = Blueprint("matrix_import", __name__, url_prefix="/admin/matrix-import")
_PAGE = "admin/matrix_import.html"
_MAX_ROWS = 300  # More are no report that anybody reads; a payload with as many keywords is none.
_STATES = {
    matrix.CARRIED: ("good", "Carried over"),
    matrix.SAFE: ("good", "Made safe"),
    matrix.DIFFERS: ("warning", "Differs"),
    matrix.LOST: ("danger", "Cannot be carried over"),
}


@bp.get("")
def form() -> ResponseReturnValue:
    """Show the empty form."""
    return shown(_PAGE, Form({"payload": ""}), 200)


@bp.post("")
def convert_payload() -> ResponseReturnValue:
    """Show what was pasted as a template of this site, and what is to know of each of its lines."""
    check_csrf()
    values = typed("payload")
    try:
        if not values["payload"].strip():
            raise FieldError("is empty: paste what stands in the field Payload of the Matrix asset", "payload")
        conversion = matrix.convert(values["payload"], attributes.declared())
    except FieldError as error:
        return shown(_PAGE, Form.refused(values, error), 422)
    more = {"conversion": conversion, "rows": conversion.rows[:_MAX_ROWS], "states": _STATES}
    begin = {"act": "begin", "template": conversion.template, "params": "\n".join(conversion.params)}
    return shown(_PAGE, Form(values), 200, **more, begin=begin)
