"""Preview: what an asset gives who is signed in, claim by claim; the button issues as the asset itself does.

The page alone signs nothing and writes nothing. A token that was issued here is shown once, in
the answer to the form; it stands in no address and no log.
"""

from typing import Any

from flask import Blueprint, Response, g, make_response, render_template, request
from flask_login import current_user

from mintmark.assets.prepare import Prepared
from mintmark.claims_shown import as_json, rows_of
from mintmark.errors import (
    Busy,
    CannotIssue,
    InvalidFields,
    LimitReached,
    MintmarkError,
    NotAReader,
    NotFound,
    NotRecorded,
)
from mintmark.examine.findings import Failure
from mintmark.issue import Issued, make_sample
from mintmark.paths import is_path
from mintmark.payload import MAX_TOKEN_CHARACTERS, Source
from mintmark.readers import Reader, may_edit, see_that_may_fetch
from mintmark.unverified import read_unverified
from mintmark.web import get_mint, params, refusals
from mintmark.web.asking import Asking
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.origins import OriginRefused, see_origin
from mintmark.web.rights import NotAllowed

bp = Blueprint("preview", __name__, url_prefix="/account/preview")


@bp.get("/<path:path>")
def preview(path: str) -> Response:
    """Show the claims that this person would get now. Nothing is issued."""
    try:
        see_origin(request, get_mint().settings)
    except OriginRefused as error:
        raise NotAllowed("This page opens from a link or the address bar only.") from error
    page = _Page(path)
    values, problems = params.asked(page.asset), Problems()
    given = params.read(page.asset, values, problems)
    if problems.found:
        return page.show(Form(values, problems.found), 422)
    return page.show_sample(Form(values), given)


@bp.post("/<path:path>")
def issue_token(path: str) -> Response:
    """Issue a token, by the very function that does so at the asset's path, and show it."""
    check_csrf()
    page = _Page(path)
    values, problems = params.typed(page.asset), Problems()
    try:
        page.mint.see_limit(page.asset, page.reader, now=page.asking.now)
        given = params.read(page.asset, values, problems)
        problems.see()
        return page.show_token(Form(values), given)
    except LimitReached as error:
        refusals.tell(page.asking, error, 429)
        response = page.show(Form(values), 429, refusal=str(error))
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    except InvalidFields as error:
        return page.show(Form.refused(values, error), 422)
    except NotRecorded as error:
        raise Busy("The token could not be written into the log, so it was not given out. Try again soon.") from error


class _Page:
    """The preview of one asset for who is signed in, both read fresh."""

    asset: Prepared
    reader: Reader

    def __init__(self, path: str) -> None:
        """Raises NotFound and NotAllowed."""
        self.mint = get_mint()
        self.asking = asking = Asking(self.mint, path)
        if is_path(path):
            asking.asset, asking.reader = self.mint.look_up(path, now=asking.now, session=current_user.get_id())
        if asking.asset is None:
            raise NotFound("There is no live asset at this path.")
        if asking.reader is None:
            raise NotAllowed("Your session has ended. Sign in again.")
        self.asset, self.reader = asking.asset, asking.reader
        self._see_reader()

    def _see_reader(self) -> None:
        try:
            see_that_may_fetch(self.asset, self.reader)
        except NotAReader as error:
            if request.method == "POST":
                refusals.tell(self.asking, error, 403)
            raise NotAllowed("You are not among the readers of this asset.") from error

    def show_sample(self, form: Form, given: dict[str, str]) -> Response:
        """Show the claims without a token, or why there would be none."""
        sources: dict[Any, Source] = {}
        now, site_url = self.asking.now, self.mint.settings.site_url
        try:
            claims = make_sample(self.asset, self.reader, given, now, site_url, sources)
        except CannotIssue as error:
            return self.show(form, failure=Failure.of(error))
        return self.show(form, **self._claims(claims, sources))

    def show_token(self, form: Form, given: dict[str, str]) -> Response:
        """Issue and show the token, or why there is none: the log says so too."""
        sources: dict[Any, Source] = {}
        try:
            issued = self.mint.issue(self.asset, self.reader, given, self.asking.occasion, sources)
        except CannotIssue as error:
            return self.show(form, 422, failure=Failure.of(error), request_id=g.request_id)
        return self.show(form, **self._token(issued), **self._claims(issued.claims, sources))

    def _claims(self, claims: dict[str, Any], sources: dict[Any, Source]) -> dict[str, Any]:
        return {
            "claims": rows_of(claims, sources, self.asset.definition),
            "claims_json": as_json(claims, indent=2),
            "header": rows_of(self.asset.signer.header if self.asset.signer else {}),
            "expires_at": claims.get("exp"),
        }

    def _token(self, issued: Issued) -> dict[str, Any]:
        return {
            "token": issued.token,
            "most_characters": MAX_TOKEN_CHARACTERS,
            "is_verified": self._is_verified(issued.token),
        }

    def _is_verified(self, token: str) -> bool:
        """Verify as a relying party does, from the text of the token."""
        try:
            return self.asset.signer is not None and self.asset.signer.has_signed(read_unverified(token))
        except MintmarkError:
            return False

    def show(self, form: Form, status: int = 200, **more: Any) -> Response:
        """Return the page."""
        page = render_template(
            "preview.html",
            asset=self.asset,
            form=form,
            fields=params.fields_of(self.asset),
            edits=may_edit(self.asset, self.reader),
            now=int(self.asking.now),
            **more,
        )
        return make_response(page, status)
