"""Preview: what an asset gives who is signed in, claim by claim; the button issues as the asset itself does.

The page alone signs nothing and writes nothing. A token that was issued here is shown once, in
the answer to the form; it stands in no address and no log. Administrators see, and try, what is to
follow too: `with=next` is as the staged secret or the next signing key would sign; a token of that kind asks for
the password where the sign-in is a while ago (ASVS 7.5.3).
"""

from typing import Any

from flask import Blueprint, Response, g, make_response, render_template, request
from flask_login import current_user

from mintmark.assets.prepare import Prepared
from mintmark.claims_shown import as_json, rows_of
from mintmark.drafts import Draft, make_sample
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
from mintmark.issue import Issued
from mintmark.paths import is_path
from mintmark.payload import MAX_TOKEN_CHARACTERS, Source
from mintmark.presets import find_preset
from mintmark.readers import Reader, may_edit, see_that_may_fetch
from mintmark.tokens import Signer
from mintmark.unverified import read_unverified
from mintmark.web import freshness, get_mint, params, refusals
from mintmark.web.asking import Asking
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.origins import OriginRefused, see_origin
from mintmark.web.rights import NotAllowed, may_administer

bp = Blueprint("preview", __name__, url_prefix="/account/preview")
_WITH, _NEXT = "with", "next"


@bp.get("/<path:path>")
def preview(path: str) -> Response:
    """Show the claims that this person would get now. Nothing is issued."""
    try:
        see_origin(request, get_mint().settings)
    except OriginRefused as error:
        raise NotAllowed("This page opens from a link or the address bar only.") from error
    page = _Page(path)
    # An asset's own parameter of this name is the asset's.
    if not any(field["name"] == _WITH for field in params.fields_of(page.asset)):
        page.try_next(request.args.get(_WITH))
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
    page.try_next(request.form.get(_WITH))
    values, problems = params.typed(page.asset), Problems()
    try:
        page.mint.count_or_refuse(page.asset, page.reader, now=page.asking.now)
        if page.is_next:
            freshness.confirm(problems)
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
    is_next = False

    def __init__(self, path: str) -> None:
        """Raises NotFound and NotAllowed."""
        self.mint = get_mint()
        self.asking = asking = Asking(self.mint, path, request.environ, g.request_id)
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

    def try_next(self, asked: str | None) -> None:
        """Sign with what is to follow, where that is asked for. Raises NotAllowed and NotFound."""
        if asked != _NEXT:
            return
        if not may_administer():
            raise NotAllowed("What is to sign next is for administrators of this site.")
        if self.asset.signers is not None and self._following() is None:
            raise NotFound("Nothing is staged or published to follow what signs now.")
        self.is_next = True

    def _following(self) -> Signer | None:
        return self.asset.signers.after(self.asking.now) if self.asset.signers else None

    def show_sample(self, form: Form, given: dict[str, str]) -> Response:
        """Show the claims without a token, or why there would be none."""
        sources: dict[Any, Source] = {}
        now, site_url = self.asking.now, self.mint.settings.site_url
        try:
            draft = make_sample(self.asset, self.reader, given, now, site_url, sources, is_next=self.is_next)
        except CannotIssue as error:
            return self.show(form, failure=Failure.of(error))
        return self.show(form, **self._claims(draft, sources))

    def show_token(self, form: Form, given: dict[str, str]) -> Response:
        """Issue and show the token, or why there is none: the log says so too."""
        sources: dict[Any, Source] = {}
        try:
            by, is_next = self.asking.occasion, self.is_next
            issued = self.mint.issue(self.asset, self.reader, given, by, sources, with_next=is_next)
        except CannotIssue as error:
            return self.show(form, 422, failure=Failure.of(error), request_id=g.request_id)
        return self.show(form, **self._token(issued), **self._claims(issued, sources))

    def _claims(self, made: Draft | Issued, sources: dict[Any, Source]) -> dict[str, Any]:
        return {
            "claims": rows_of(made.claims, sources, self.asset.definition),
            "claims_json": as_json(made.claims, indent=2),
            "header": rows_of(made.signer.header),
            "expires_at": made.claims.get("exp"),
        }

    def _token(self, issued: Issued) -> dict[str, Any]:
        return {
            "token": issued.token,
            "most_characters": MAX_TOKEN_CHARACTERS,
            "is_verified": _is_verified(issued),
        }

    def show(self, form: Form, status: int = 200, **more: Any) -> Response:
        """Return the page."""
        edits = may_edit(self.asset, self.reader)
        preset = find_preset(self.asset.definition.get("preset") or "") if edits else None
        page = render_template(
            "preview.html",
            next_at=preset.name if preset else "",
            asset=self.asset,
            form=form,
            fields=params.fields_of(self.asset),
            edits=edits,
            now=int(self.asking.now),
            has_key=self.asset.definition.get("signing_key") is not None,
            is_next=self.is_next,
            has_next=may_administer() and self._following() is not None,
            **more,
        )
        return make_response(page, status)


def _is_verified(issued: Issued) -> bool:
    """Verify as a relying party does, from the text of the token."""
    try:
        return issued.signer.has_signed(read_unverified(issued.token))
    except MintmarkError:
        return False
