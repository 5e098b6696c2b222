"""Launch, `GET /launch/<path>`: sends the browser to the relying party with a fresh token, as that one wants it.

`_launch` is the whole story, in the order in which it is decided: live asset that launches (404) → method (405) →
navigation (403) → person (strangers went to sign in before they came here) → reader (403) → a page between right after
signing in → limit (429) → parameters (400) → claims, contract and key (500) → row (503) → on. What is refused is a
page, for a person looks at it.
"""

from typing import Any

from flask import Blueprint, Response, g, make_response, render_template, request, session
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule
from werkzeug.utils import redirect

from mintmark import errors
from mintmark.assets.launching import Destination, read_destination
from mintmark.assets.params import read_params
from mintmark.assets.prepare import Prepared
from mintmark.paths import is_path
from mintmark.readers import Reader, may_edit, see_that_may_fetch
from mintmark.web import get_mint, refusals
from mintmark.web.asking import Asking
from mintmark.web.next_page import LAUNCH, ONWARD, launch_address
from mintmark.web.origins import OriginRefused, see_navigation
from mintmark.web.policy import policy
from mintmark.web.refusals import NoMethod, SignInNeeded
from mintmark.web.rights import may_administer

bp = Blueprint("launch", __name__)
# class → title; the status is that of the token endpoint. NotRecorded and Busy are pages of app.py, the rest is a bug.
TITLES: dict[type[errors.MintmarkError], str] = {
    errors.NotFound: "Nothing here",
    NoMethod: "Not this way",
    OriginRefused: "Not from there",
    SignInNeeded: "Sign in again",
    errors.NotAReader: "Not for you",
    errors.LimitReached: "Too often",
    errors.BadParameters: "This address was refused",
    errors.CannotIssue: "You get no token",
}


@bp.record
def _add_rule(state: BlueprintSetupState) -> None:
    """Take every method, so that what is not GET is answered in its turn, and not by the router."""
    state.app.url_map.add(Rule("/launch/<path:path>", endpoint=LAUNCH, methods=None))
    state.app.view_functions[LAUNCH] = launch


@bp.after_request
def tell_nobody(response: Response) -> Response:
    """Whoever is led to learns neither from where nor with which parameters (RFC 9700 §4.2.4)."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


class _Onward(Response):
    """A redirect whose Location leaves letter for letter; Werkzeug would read it anew and drop an empty fragment."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Return the headers with the Location as it was set: ASCII, put together by urllib."""
        headers = super().get_wsgi_headers(environ)
        headers["Location"] = self.headers["Location"]
        return headers


def launch(path: str) -> ResponseReturnValue:
    """Send the browser on with a fresh token, or say why not."""
    asking = Asking(get_mint(), path, request.environ, g.request_id)
    try:
        return _launch(asking, path)
    except tuple(TITLES) as error:
        return _refuse(asking, error)
    except errors.NotRecorded as error:
        refusals.tell(asking, error, 503)
        raise errors.Busy("The token could not be written into the log, so it was not sent. Try again soon.") from error


def _launch(asking: Asking, path: str) -> ResponseReturnValue:
    mint = asking.mint
    if is_path(path):
        session_id = current_user.get_id() if current_user.is_authenticated else None
        asking.asset, asking.reader = mint.look_up(path, now=asking.now, session=session_id)
    asset = _see_that_launches(asking.asset)
    _see_method()
    see_navigation(request, mint.settings)
    reader = _see_signed_in(asking.reader)
    comes_from_sign_in = session.pop(ONWARD, False)
    see_that_may_fetch(asset, reader)
    given = [*request.args.items(multi=True)]
    if comes_from_sign_in:
        return render_template("launch_onward.html", asset=asset, address=launch_address(path, asset, given))
    mint.count_or_refuse(asset, reader, now=asking.now)
    params = read_params(asset, given)
    destination = read_destination(asset.definition["launch"], given)
    issued = mint.issue(asset, reader, params, asking.occasion)
    return _send(asset, destination, issued.token)


def _see_that_launches(asset: Prepared | None) -> Prepared:
    if asset is None or asset.definition.get("launch") is None:
        raise errors.NotFound("No live asset at this path sends anybody on.")
    return asset


def _see_method() -> None:
    if request.environ["REQUEST_METHOD"] != "GET":
        raise NoMethod("This address is opened, and takes nothing.")


def _see_signed_in(reader: Reader | None) -> Reader:
    if reader is None:
        raise SignInNeeded("Your session has ended.")
    return reader


def _send(asset: Prepared, destination: Destination, token: str) -> ResponseReturnValue:
    if destination.by != "post":
        return redirect(destination.address(token), 303, _Onward)
    page = make_response(render_template("launch.html", asset=asset, destination=destination, token=token))
    page.headers["Content-Security-Policy"] = policy(ends_here=False)
    return page


def _lacks(error: errors.MintmarkError) -> str:
    """Return the parameter whose absence is all that is wrong, or nothing."""
    name = str(error.detail.get("name") or "") if isinstance(error, errors.CannotIssue) else ""
    return name.removeprefix("params.") if name.startswith("params.") else ""


def _refuse(asking: Asking, error: errors.MintmarkError) -> Response:
    kind = next(kind for kind in TITLES if isinstance(error, kind))
    (status, _), title = refusals.ANSWERS[kind], TITLES[kind]
    refusals.tell(asking, error, status)
    asset, reader = asking.asset, asking.reader
    edits = asset is not None and reader is not None and may_edit(asset, reader)
    page = render_template(
        "launch_refused.html",
        status=status,
        title=title,
        words=str(error),
        asset=asset,
        edits=edits,
        administers=may_administer(),
        lacks=_lacks(error),
        request_id=g.request_id,
    )
    response = make_response(page, status)
    if isinstance(error, errors.LimitReached):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NoMethod):
        response.headers["Allow"] = "GET"
    return response
