"""The first administrator, by the one-time link that the first start prints."""

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from mintmark import site
from mintmark.errors import InvalidFields
from mintmark.fields import MAX_USERNAME
from mintmark.models import writing
from mintmark.web import get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, shown
from mintmark.web.next_page import next_page
from mintmark.web.proof import begin_session, enter

bp = Blueprint("setup", __name__)


@bp.get("/setup")
def setup() -> ResponseReturnValue:
    """Show the form to who has the code; 404 to all others, and once it was used."""
    code = request.args.get("code", "")
    site.see_setup_code(code, sealer=get_mint().settings.sealer)
    return shown("setup.html", Form({"username": ""}), 200, code=code)


@bp.post("/setup")
def make_first_administrator() -> ResponseReturnValue:
    """Make the administrator and sign them in, in one transaction; of two at once one wins."""
    check_csrf()
    code, username = request.form.get("code", ""), request.form.get("username", "")
    now = get_mint().clock()
    try:
        values = site.read_first_administrator(username, request.form.get("password", ""))
        with writing():
            where = {"address": request.remote_addr, "request": g.request_id}
            person = site.set_up(code, values, sealer=get_mint().settings.sealer, now=now, **where)
            begun = begin_session(person, now)
        enter(person, begun)
    except InvalidFields as error:
        site.see_setup_code(code, sealer=get_mint().settings.sealer)
        return shown("setup.html", Form.refused({"username": username[:MAX_USERNAME]}, error), 422, code=code)
    return redirect(next_page(None), 303)
