"""One's own access tokens: made for chosen assets, shown once, seen with their last use, and ended.

Making one asks for the own password where the last sign-in was a while ago (ASVS 7.5.3); to take one away
asks for nothing. Its text stands in the one answer that made it, and in no address and no log.
"""

import json
import shlex
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from mintmark import access_tokens as acts
from mintmark import people
from mintmark.assets.listing import fetchable
from mintmark.errors import FieldError, InvalidFields, NotFound
from mintmark.models import Asset, Person, writing
from mintmark.paths import is_path
from mintmark.web import freshness, get_mint
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, lines_of, plain_lines
from mintmark.web.occasion import occasion

bp = Blueprint("access_tokens", __name__, url_prefix="/account/access-tokens")
DAYS = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")]
LABELS = {"days": "Expiry"}


@bp.get("")
def access_tokens() -> str:
    """Show one's access tokens and the form for another."""
    return _page(Form({"name": "", "days": "90", "assets": []}))


@bp.post("")
def make_access_token() -> ResponseReturnValue:
    """Make one and show it, this once."""
    check_csrf()
    paths, problems = _typed_paths(), Problems()
    name, entered_days = request.form.get("name", ""), request.form.get("days", "")
    values = {"name": name, "days": entered_days, "assets": paths}
    try:
        days = _read_days(entered_days, problems)
        with problems.of("name"):
            acts.read_name(name)
        with problems.of("assets"):
            _find(current_user.person, paths)
        freshness.confirm(problems)
        problems.see()
        with writing():  # What was only looked at before is looked at once more, for it may have changed.
            person = _locked()
            found = _find(person, paths)
            text = acts.make(person, name, [asset.id for asset, _ in found], days, by=occasion())
    except (FieldError, InvalidFields) as error:
        return _page(Form.refused(values, error)), 422
    asset, definition = found[0]
    made = {"name": name.strip(), "text": text, "command": _command(text, asset.path, definition)}
    return _page(Form({"name": "", "days": "90", "assets": []}), made=made)


@bp.post("/end")
def end_access_token() -> ResponseReturnValue:
    """End one."""
    check_csrf()
    with writing():
        is_ended = acts.end(request.form.get("access_token", ""), current_user.person.id, by=occasion())
    flash("That access token is ended." if is_ended else "That access token had ended already.")
    return redirect(url_for("access_tokens.access_tokens"), 303)


def _typed_paths() -> list[str]:
    """Return the paths that were ticked or typed, one a line, each once; one leading slash is no part of them."""
    typed = [line for value in request.form.getlist("assets") for line in lines_of(plain_lines(value))]
    return list(dict.fromkeys(line.removeprefix("/") for line in typed))


def _read_days(typed: str, problems: Problems) -> int:
    if typed.isascii() and typed.isdecimal() and len(typed) < 4 and 1 <= int(typed) <= acts.MAX_DAYS:
        return int(typed)
    problems.add("days", f"takes a whole number of days from 1 to {acts.MAX_DAYS}")
    return 0


def _find(person: Person, paths: list[str]) -> list[tuple[Asset, dict[str, Any]]]:
    """Return the assets of these paths, each one that the person may fetch now. Raises FieldError."""
    if len(paths) > acts.MAX_ASSETS:
        raise FieldError(f"takes from 1 to {acts.MAX_ASSETS} assets, not {len(paths)}", "assets")
    if not paths:
        raise FieldError("is empty; choose at least one", "assets")
    rows: list[tuple[Asset, dict[str, Any]]] = []
    has_more, those = True, Asset.path.in_([path for path in paths if is_path(path)])
    while has_more:
        page, has_more = fetchable(person, after=rows[-1][0].path if rows else "", which=those)
        rows += page
    missing = [path for path in paths if path not in {asset.path for asset, _ in rows}]
    if missing:
        named = f"`{missing[0]}`, which" if is_path(missing[0]) else "a line that"
        raise FieldError(f"has {named} is no asset that you may fetch", "assets")
    return rows


def _locked() -> Person:
    person = people.lock_person(current_user.person.id)
    if person is None or not person.live:
        raise NotFound("You were switched off a moment ago. Nothing was made.")
    return person


def _command(text: str, path: str, definition: dict[str, Any]) -> str:
    """Return the shell's words that fetch a token of an asset."""
    url = f"{get_mint().settings.site_url}/{path}"
    words = ["curl", "-H", f"Authorization: Bearer {text}"]
    given = {param["name"]: param.get("one_of", ["…"])[0] for param in definition["params"]}
    if "GET" in definition["answer"]["methods"]:
        words.append(url + ("?" + urlencode(given, safe="…") if given else ""))
    else:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(given, ensure_ascii=False), url]
    return shlex.join(words)


def _page(form: Form, *, made: dict[str, str] | None = None) -> str:
    """Show the page; `made` has the text of a new one, shown this once."""
    person, now = current_user.person, get_mint().clock()
    rows, is_long = fetchable(person)
    if is_long:
        form.values["assets"] = "\n".join(form.values["assets"])
    return render_template(
        "access_tokens.html",
        form=form,
        made=made,
        labels=LABELS,
        days=DAYS,
        choices=[(asset.path, f"{asset.path} ({asset.name})") for asset, _ in rows],
        is_long=is_long,
        tokens=acts.list_live(person.id, now=now),
        past=acts.list_past(person.id, now=now),
    )
