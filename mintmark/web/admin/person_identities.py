"""A person's identities, for an administrator: seen, linked by typing the subject, unlinked.

Rule: whoever holds the issuer's key can then be this person, so each change asks once more who it is (ASVS 7.5.3) and
stands in the log with who did it; a subject that is somebody's already is never moved on its way.
"""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import identities as acts
from mintmark import people
from mintmark.errors import FieldError, NotFound
from mintmark.models import Person, db, writing
from mintmark.models.base import find_by_id
from mintmark.web import freshness, ways_in
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, typed
from mintmark.web.occasion import occasion

bp = Blueprint("person_identities", __name__, url_prefix="/admin/people/<person_id>/identities")


def _get(person_id: str) -> Person:
    person = find_by_id(Person, person_id)
    if person is None:
        raise NotFound("There is no such person on this site.")
    return person


@bp.get("")
def identities(person_id: str) -> str:
    """Show them."""
    return _page(_get(person_id))


@bp.post("/link")
def link_identity(person_id: str) -> ResponseReturnValue:
    """Link a subject that was typed."""
    check_csrf()
    person, problems, entered = _get(person_id), Problems(), typed("source", "subject")
    freshness.confirm(problems)
    with problems.of():
        acts.read_subject(entered["subject"], "subject")
    if not problems.found:
        with problems.of(), writing():
            _link(people.get_locked(person_id), entered["source"], entered["subject"])
    if problems.found:
        return _page(_get(person_id), "link", Form(entered, problems.found)), 422
    flash("The identity is linked.")
    return redirect(url_for("person_identities.identities", person_id=person.id), 303)


def _link(person: Person, key: str, subject: str) -> None:
    source = next((each for each in acts.every_source() if each.key == key), None)
    if source is None or acts.find_source(source.id, is_locked=True) is None:
        raise FieldError("is none of those listed" if key else "is not chosen", "source")
    if person.erased_at is not None:
        raise FieldError("is of nobody: this person was erased", "subject")
    found = acts.find(source.id, source.claim, subject)
    if found is not None:
        whose = "this person" if found.person_id == person.id else db.session.get_one(Person, found.person_id).username
        raise FieldError(f"is linked to {whose} already", "subject")
    acts.link(source.id, source.claim, subject, person, by=occasion(), issuer=source.issuer)


@bp.post("/unlink")
def unlink_identity(person_id: str) -> ResponseReturnValue:
    """Unlink one, be it the last way in; the sessions that its issuer began end."""
    check_csrf()
    person, problems, identity_id = _get(person_id), Problems(), request.form.get("identity", "")
    if not identity_id:
        problems.add("identity", "is not chosen")
    freshness.confirm(problems)
    if problems.found:
        return _page(person, "unlink", Form({"identity": identity_id}, problems.found)), 422
    with writing():
        is_done = acts.unlink(identity_id, people.get_locked(person_id).id, by=occasion())
    flash("The identity is unlinked." if is_done else "That identity was unlinked already.")
    return redirect(url_for("person_identities.identities", person_id=person_id), 303)


def _page(person: Person, act: str = "", form: Form | None = None) -> str:
    """Show the page; `form` is that of the act that was refused."""
    every = acts.every_source()
    sources = {each.id: each for each in every}
    listed = [(each, sources.get(each.source_id)) for each in acts.of_person(person.id)]
    blank = {"link": Form({}), "unlink": Form({"identity": listed[0][0].id if len(listed) == 1 else ""})}
    return render_template(
        "admin/person_identities.html",
        person=person,
        identities=[(each, source, acts.works(each, source)) for each, source in listed],
        choices=[(each.id, f"{source.label if source else '?'}: {each.subject}") for each, source in listed],
        sources=[(each.key, _in_words(each, every)) for each in every],
        forms=blank | ({act: form} if form else {}),
    )


def _in_words(source: acts.Source, among: list[acts.Source]) -> str:
    label = ways_in.label_of(source, among)
    by_claim = "" if source.claim == "sub" else f", by {source.claim}"
    return label + by_claim + ("" if source.live else ", switched off")
