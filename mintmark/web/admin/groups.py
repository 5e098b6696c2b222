"""Groups: the list by name, and one group with its people and its assets."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from mintmark import groups as acts
from mintmark import people_listing
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import MAX_ITEMS, read_identifier, read_list
from mintmark.models import Group, writing
from mintmark.web.admin.in_steps import in_steps
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, lines_of, shown, typed
from mintmark.web.keyset import asked
from mintmark.web.occasion import occasion

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")
_AT_ONCE = 2_000
_COUNTED = 10_000


@bp.get("")
def groups() -> str:
    """Show a page of groups, and a form for a new one."""
    return render_template("admin/groups.html", **_list(Form({})))


def _list(form: Form) -> dict[str, Any]:
    after = asked("after")
    rows, next_place = people_listing.list_groups(after=after)
    return {
        "form": form,
        "rows": rows,
        "next_url": next_place and url_for("groups.groups", after=next_place),
        "first_url": url_for("groups.groups") if after else None,
    }


@bp.post("")
def create_group() -> ResponseReturnValue:
    """Make a group."""
    check_csrf()
    values = typed("name")
    try:
        name = read_identifier(values["name"], "name")
        with writing():
            acts.see_name_is_free(name)
            group_id = acts.make(name, by=occasion()).id
    except FieldError as error:
        return render_template("admin/groups.html", **_list(Form.refused(values, error))), 422
    except IntegrityError:  # On PostgreSQL two may take one name at the same moment.
        return render_template("admin/groups.html", **_list(Form(values, {"name": "belongs to another group"}))), 422
    flash(f"The group {name} was made.")
    return redirect(url_for("groups.group", group_id=group_id), 303)


@bp.get("/<group_id>")
def group(group_id: str) -> ResponseReturnValue:
    """Show one group."""
    return _page(acts.get_group(group_id), 200)


def _page(group: Group, status: int, form: Form | None = None) -> ResponseReturnValue:
    assets, has_more = people_listing.assets_of_group(group.id)
    return shown(
        "admin/group.html",
        form or Form({"name": group.name}),
        status,
        group=group,
        members=people_listing.count_members(group.id, _COUNTED),
        assets=assets,
        has_more=has_more,
    )


def _refused(group_id: str, error: FieldError | InvalidFields, **values: str) -> ResponseReturnValue:
    group = acts.get_group(group_id)
    return _page(group, 422, Form.refused({"name": group.name, **values}, error))


@bp.post("/<group_id>/rename")
def rename_group(group_id: str) -> ResponseReturnValue:
    """Give a group another name, which tokens carry from now on."""
    check_csrf()
    values = typed("name")
    try:
        name = read_identifier(values["name"], "name")
        with writing():
            acts.rename(acts.get_group(group_id, is_locked=True), name, by=occasion())
    except FieldError as error:
        return _refused(group_id, error, **values)
    except IntegrityError:
        return _refused(group_id, FieldError("belongs to another group", "name"), **values)
    flash(f"The group is named {name}.")
    return redirect(url_for("groups.group", group_id=group_id), 303)


@bp.post("/<group_id>/people")
def add_people(group_id: str) -> ResponseReturnValue:
    """Put people into a group, by their usernames."""
    check_csrf()
    values = typed("usernames")
    try:
        lines = read_list(lines_of(values["usernames"]), "usernames", most=MAX_ITEMS)
        names = [read_identifier(line, "usernames") for line in lines]
        if not names:
            raise FieldError("are needed: one on each line", "usernames")
        with writing():
            number = acts.add_people(acts.get_group(group_id, is_locked=True), names, by=occasion())
    except FieldError as error:
        return _refused(group_id, error, **values)
    except IntegrityError:  # On PostgreSQL two may put the same person in at the same moment.
        words = "were not put in: somebody changed the group at this moment; send them once more"
        return _refused(group_id, FieldError(words, "usernames"), **values)
    flash(f"{number} of {len(names)} were put into the group; the others were in it." if number < len(names) else
          f"{number} {'person was' if number == 1 else 'people were'} put into the group.")  # fmt: skip
    return redirect(url_for("groups.group", group_id=group_id), 303)


@bp.post("/<group_id>/take-out")
def take_person_out(group_id: str) -> ResponseReturnValue:
    """Take one person out of a group."""
    check_csrf()
    with writing():
        was_in = acts.take_out(
            acts.get_group(group_id), request.form.get("person_id", "")[:36].replace("\x00", ""), by=occasion()
        )
    flash("The person was taken out of the group." if was_in else "The person was not in the group.")
    return redirect(url_for("people.people", group=group_id), 303)


@bp.post("/<group_id>/remove")
def remove_group(group_id: str) -> ResponseReturnValue:
    """Take a group away; of a large one the people are taken out first, some at a time."""
    check_csrf()
    group = acts.get_group(group_id)
    name = group.name
    try:
        acts.see_is_unnamed(group)
        left, steps = in_steps(lambda _: acts.empty_some(acts.get_group(group_id), most=_AT_ONCE) or None, 1)
        if left is not None:
            return _go_on(group_id, name, steps * _AT_ONCE)
        with writing():
            acts.remove(acts.get_group(group_id, is_locked=True), by=occasion())
    except FieldError as error:
        return _refused(group_id, error)
    except IntegrityError:
        return _refused(group_id, FieldError("was named by an asset, or given somebody, at this moment", "group"))
    flash(f"The group {name} was taken away.")
    return redirect(url_for("groups.groups"), 303)


def _go_on(group_id: str, name: str, done: int) -> ResponseReturnValue:
    return render_template(
        "admin/going_on.html",
        title=f"Taking away {name}",
        done=done,
        words=f"people were taken out of the group {name} by now.",
        url=url_for("groups.remove_group", group_id=group_id),
        fields={},
        back=url_for("groups.group", group_id=group_id),
    )
