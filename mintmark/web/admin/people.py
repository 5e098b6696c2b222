"""People: the list by username, what a word finds, and making one."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from mintmark import groups, people_listing
from mintmark.errors import InvalidFields
from mintmark.people_listing import Listed
from mintmark.web.admin import person_form
from mintmark.web.csrf import check_csrf
from mintmark.web.keyset import asked

bp = Blueprint("people", __name__, url_prefix="/admin/people")


@bp.get("")
def people() -> str:
    """Show a page of people: all, those of a filter, the members of a group, or what a word finds."""
    query, show, group_id, after = asked("q").strip(), asked("show"), asked("group"), asked("after")
    show = show if show in people_listing.SHOWN else ""
    group = groups.get_group(group_id) if group_id and not query else None
    chosen: dict[str, Any] = {"q": query} if query else {"group": group.id} if group else {"show": show} if show else {}
    page = _page(query, show, group.id if group else "", after)
    next_url = page.next_place and url_for("people.people", after=page.next_place, **chosen)
    first_url = url_for("people.people", **chosen) if after else None
    return render_template(
        "admin/people.html", page=page, query=query, show=show, group=group, next_url=next_url, first_url=first_url
    )


def _page(query: str, show: str, group_id: str, after: str) -> Listed:
    if query:
        return people_listing.find_people(query, after=after)
    return people_listing.list_people(show=show, group_id=group_id, after=after)


@bp.get("/new")
def draft() -> str:
    """Show the form for a new person."""
    return render_template("admin/person_form.html", **person_form.blank())


@bp.post("/new")
def create_person() -> ResponseReturnValue:
    """Make a person of what was entered."""
    check_csrf()
    try:
        person = person_form.create()
    except InvalidFields as error:
        return render_template("admin/person_form.html", **person_form.typed_again(error)), 422
    words = "" if person.password_hash else " There is no password yet: make a one-time link with which one is set."
    flash(f"The person {person.username} was made.{words}")
    return redirect(url_for("person.person", person_id=person.id), 303)
