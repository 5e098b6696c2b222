"""One's own identities: as whom issuers know one; linked by going there and coming back, unlinked here.

Rule: each change asks once more who it is where the last sign-in was a while ago (ASVS 7.5.3); nobody locks
themselves out.
"""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import identities as acts
from mintmark import people
from mintmark.errors import NotFound
from mintmark.issuers.refusals import TokenRefused
from mintmark.models import writing
from mintmark.web import freshness, linking, ways_in
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.occasion import occasion

bp = Blueprint("own_identities", __name__, url_prefix="/account/identities")


@bp.get("")
def identities() -> ResponseReturnValue:
    """Show them; to who comes back from an issuer, the question first."""
    return _page()


@bp.post("/link")
def link_identity() -> ResponseReturnValue:
    """Begin: the browser goes to the issuer, and comes back with a token or a code."""
    check_csrf()
    problems, wanted = Problems(), request.form.get("source", "")
    source = next((each for each in ways_in.open_sources() if each.key == wanted), None)
    if source is None:
        problems.add("source", "does not sign people in here any more" if wanted else "is not chosen")
    freshness.confirm(problems)
    if source is None or problems.found:
        return _page("link", Form({"source": wanted}, problems.found)), 422
    linking.begin(source.id)
    # No redirect: Chromium holds the policy of this form against where the issuer's own redirects lead.
    return render_template("own_identities_onward.html", label=source.label, address=ways_in.start_of(source))


@bp.post("/confirm")
def confirm_identity() -> ResponseReturnValue:
    """Link what the page named, with the token that proved it: it is spent here, or nothing is changed."""
    check_csrf()
    problems = Problems()
    try:
        begun = linking.answer_of(request.form.get("arrived", ""))
        if "leave" in request.form:
            linking.forget()
            flash("Nothing was linked.")
            return redirect(url_for("own_identities.identities"), 303)
        freshness.confirm(problems)
        if problems.found:
            return _page("confirm", Form({}, problems.found)), 422
        with writing():
            source = linking.link(begun)
    except (linking.NotLinked, TokenRefused) as error:
        linking.forget()
        words = f"{error}. Nothing was linked." if isinstance(error, TokenRefused) else str(error)
        return _page("confirm", Form({}, {"arrived": words})), 422
    linking.forget()
    flash(f"Linked. From now on {source.label} signs you in.")
    return redirect(url_for("own_identities.identities"), 303)


@bp.post("/unlink")
def unlink_identity() -> ResponseReturnValue:
    """Unlink one, unless it is the last way in."""
    check_csrf()
    problems, identity_id = Problems(), request.form.get("identity", "")
    if not identity_id:
        problems.add("identity", "is not chosen")
    freshness.confirm(problems)
    is_done = False
    if not problems.found:
        with problems.of(), writing():
            is_done = _unlink(identity_id)
    if problems.found:
        return _page("unlink", Form({"identity": identity_id}, problems.found)), 422
    flash("That identity is unlinked." if is_done else "That identity was unlinked already.")
    return redirect(url_for("own_identities.identities"), 303)


def _unlink(identity_id: str) -> bool:
    person = people.lock_person(current_user.person.id)
    if person is None or not person.live:
        raise NotFound("You were switched off a moment ago. Nothing was changed.")
    acts.see_is_not_the_last_way_in(identity_id, person)
    return acts.unlink(identity_id, person.id, by=occasion(), kept_session=current_user.get_id())


def _page(act: str = "", form: Form | None = None) -> str:
    """Show the page; `form` is that of the act that was refused."""
    sources = {each.id: each for each in acts.every_source()}
    listed = [(each, sources.get(each.source_id)) for each in acts.of_person(current_user.person.id)]
    offered = ways_in.open_sources()
    blank = {
        "confirm": Form({}),
        "link": Form({"source": offered[0].key if len(offered) == 1 else ""}),
        "unlink": Form({"identity": listed[0][0].id if len(listed) == 1 else ""}),
    }
    return render_template(
        "own_identities.html",
        identities=[(each, source, acts.works(each, source)) for each, source in listed],
        choices=[(each.id, f"{source.label if source else '?'}: {each.subject}") for each, source in listed],
        question=linking.question(),
        offered=[(each.key, ways_in.label_of(each, offered)) for each in offered],
        forms=blank | ({act: form} if form else {}),
        has_password=current_user.person.password_hash is not None,
    )
