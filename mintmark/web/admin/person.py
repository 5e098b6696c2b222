"""One person: what is known of them, and everything that an administrator can do with them.

Rule: dangerous acts stand last. What gives somebody the person's place (a link to set a password),
takes the person away, or switches an administrator on or off asks for the own password where the last
sign-in was a while ago.
"""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import access_tokens, attributes, erasing, groups, identities, password_links, people, sessions
from mintmark.errors import FieldError, InvalidFields, NotFound
from mintmark.models import Person, writing
from mintmark.models.base import find_by_id
from mintmark.records.filters import Filter
from mintmark.records.finding import find_records
from mintmark.records.naming import detail_of
from mintmark.web import freshness, get_mint
from mintmark.web.admin import person_form
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems
from mintmark.web.occasion import occasion

bp = Blueprint("person", __name__, url_prefix="/admin/people/<person_id>")
_LATEST = 20  # rows of the log


def _get(person_id: str) -> Person:
    person = find_by_id(Person, person_id)
    if person is None:
        raise NotFound("There is no such person on this site.")
    return person


@bp.get("")
def person(person_id: str) -> str:
    """Show one person."""
    return _page(_get(person_id))


def _page(person: Person, *, act: str = "", form: Form | None = None, link: str = "") -> str:
    """Show a person; `form` is that of the act that was refused, `link` the one-time link, shown this once."""
    mint = get_mint()
    latest = find_records(Filter(person=person.id)).rows[:_LATEST]
    names, member_of = groups.names_by_id(), groups.of_person(person.id)
    return render_template(
        "admin/person.html",
        person=person,
        groups=sorted(((names[each], each) for each in member_of), key=lambda pair: pair[0].casefold()),
        attributes=[(each, person.attributes.get(each.name)) for each in attributes.every()],
        sessions=sessions.count_live(person.id, now=mint.clock(), settings=mint.settings),
        access_tokens=access_tokens.list_live(person.id, now=mint.clock()),
        identities=len(identities.of_person(person.id)),
        rows=[(row, detail_of(row)) for row in latest],
        forms={each: form if form and each == act else Form({}) for each in ("link", "switch", "erase")},
        link=link,
        minutes=password_links.SECONDS // 60,
    )


@bp.get("/edit")
def form(person_id: str) -> ResponseReturnValue:
    """Show the form of a person; of somebody erased nothing can be changed."""
    person = _get(person_id)
    if person.erased_at is not None:
        return redirect(url_for("person.person", person_id=person_id), 303)
    return render_template("admin/person_form.html", **person_form.filled(person))


@bp.post("/edit")
def revise_person(person_id: str) -> ResponseReturnValue:
    """Change a person to what was entered; with 409 where somebody else changed them meanwhile."""
    check_csrf()
    person = _get(person_id)
    try:
        changed = person_form.revise(person)
    except InvalidFields as error:
        return render_template("admin/person_form.html", **person_form.typed_again(error, _get(person_id))), 422
    except person_form.SavedMeanwhile as error:
        more = {"differences": person_form.differences(error.now), "is_saved_meanwhile": True}
        return render_template("admin/person_form.html", **person_form.typed_again(None, _get(person_id), **more)), 409
    flash("The changes were saved." if changed else "Nothing was different, so nothing was saved.")
    return redirect(url_for("person.person", person_id=person_id), 303)


@bp.post("/switch")
def switch_person(person_id: str) -> ResponseReturnValue:
    """Switch a person on or off; off ends all their sessions. Who does so to an administrator is asked who they are."""
    check_csrf()
    live, problems, was_admin = request.form.get("live") == "on", Problems(), _get(person_id).is_admin
    if was_admin:
        freshness.confirm(problems)
    try:
        problems.see()
        with writing():
            person = people.get_locked(person_id)
            if person.is_admin != was_admin:
                raise FieldError("was made or unmade administrator at this moment; see what is so now", "person")
            if not live:
                people.see_may_go(person, by=occasion(), field="person")
            people.revise(person, {"live": live}, by=occasion())
    except FieldError as error:
        return _page(_get(person_id), act="switch", form=Form({}, {"person": f"This person {error}"})), 422
    except InvalidFields as error:
        return _page(_get(person_id), act="switch", form=Form.refused({}, error)), 422
    flash("The person is live." if live else "The person is switched off, and signed out everywhere.")
    return redirect(url_for("person.person", person_id=person_id), 303)


@bp.post("/end-sessions")
def end_sessions(person_id: str) -> ResponseReturnValue:
    """Sign a person out everywhere."""
    check_csrf()
    with writing():
        sessions.end_all(people.get_locked(person_id).id, by=occasion())
    flash("The person is signed out everywhere.")
    return redirect(url_for("person.person", person_id=person_id), 303)


@bp.post("/end-access-token")
def end_access_token(person_id: str) -> ResponseReturnValue:
    """End one access token of a person; nobody else makes one for them."""
    check_csrf()
    with writing():
        person = people.get_locked(person_id)
        is_ended = access_tokens.end(request.form.get("access_token", ""), person.id, by=occasion())
    flash("That access token is ended." if is_ended else "That access token had ended already.")
    return redirect(url_for("person.person", person_id=person_id), 303)


@bp.post("/end-access-tokens")
def end_access_tokens(person_id: str) -> ResponseReturnValue:
    """End every access token of a person."""
    check_csrf()
    with writing():
        access_tokens.end_all(people.get_locked(person_id).id, by=occasion())
    flash("Every access token of the person is ended.")
    return redirect(url_for("person.person", person_id=person_id), 303)


@bp.post("/link")
def make_link(person_id: str) -> ResponseReturnValue:
    """Make a one-time link with which a person sets a password, and show it this once."""
    check_csrf()
    problems = Problems()
    freshness.confirm(problems)
    person = _get(person_id)
    if not person.live:
        problems.add("person", "This person is switched off; switch them on first")
    if problems.found:
        return _page(person, act="link", form=Form({}, problems.found)), 422
    with writing():
        code = password_links.make_link(person, by=occasion())
    return _page(_get(person_id), link=_address(url_for("password_link.form", code=code)))


def _address(path: str) -> str:
    """Return a whole address: of the base URL where one is set, for a Host header is anybody’s (ASVS 6.4.1)."""
    base_url = get_mint().settings.base_url
    base = base_url.removesuffix(request.script_root) if base_url else request.host_url.rstrip("/")
    return base + path


@bp.post("/erase")
def erase_person(person_id: str) -> ResponseReturnValue:
    """Empty a person for ever, whose username was typed."""
    check_csrf()
    person, problems, typed = _get(person_id), Problems(), request.form.get("confirmed", "")
    if typed != person.username:
        problems.add("confirmed", "is not the username of this person")
    freshness.confirm(problems)
    if not problems.found:
        with problems.of("confirmed"), writing():
            erasing.erase(people.get_locked(person_id), by=occasion())
    if problems.found:
        return _page(_get(person_id), act="erase", form=Form({"confirmed": typed}, problems.found)), 422
    flash("The person was erased.")
    return redirect(url_for("person.person", person_id=person_id), 303)
