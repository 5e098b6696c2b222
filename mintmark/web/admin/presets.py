"""Presets: the relying parties that an asset can begin with, and what each of them asks for.

The questions go by GET to the form of a new asset, which comes filled in; answers are no secrets.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request, url_for
from flask import render_template as render
from flask.typing import ResponseReturnValue

from mintmark.errors import FieldError, InvalidFields, NotFound
from mintmark.presets import Preset, all_presets, find_preset
from mintmark.web import get_mint
from mintmark.web.admin.entered_text import read_pairs
from mintmark.web.admin.party_shown import offer_of
from mintmark.web.forms import Form, shown
from mintmark.web.keyset import asked

bp = Blueprint("presets", __name__, url_prefix="/admin/presets")
_PREFIX = "ask_"
# How the token gets there → in the list, and on the page of one.
DELIVERY = {
    "launch": "The browser is sent there",
    "page": "A page fetches it",
    "program": "A program sends it",
}


@bp.get("")
def presets() -> str:
    """List all of them by kind, or those with some words."""
    q = asked("q").strip()[:200]
    kinds: dict[str, list[Preset]] = {}
    for preset in all_presets().values():
        if _has(preset, q.casefold().split()):
            kinds.setdefault(preset.kind, []).append(preset)
    # What fits anybody comes first.
    ordered = sorted(kinds.items(), key=lambda each: (each[0] != "Any", each[0]))
    return render("admin/presets.html", q=q, kinds=ordered, total=len(all_presets()), delivery=DELIVERY)


@bp.get("/<slug>")
def preset(slug: str) -> ResponseReturnValue:
    """Show what it is, and ask what only the administrator knows; answers in the address stand there again."""
    return _page(get_preset(slug), given_answers())


def get_preset(slug: str) -> Preset:
    """Return a preset. Raises NotFound."""
    found = find_preset(slug)
    if found is None:
        raise NotFound("There is no such preset in this version of Mintmark.")
    return found


def given_answers() -> dict[str, str]:
    """Return the answers that stand in the address, by names of questions."""
    return {name.removeprefix(_PREFIX): text for name, text in request.args.items() if name.startswith(_PREFIX)}


def asked_again(preset: Preset, given: Mapping[str, str], error: InvalidFields) -> ResponseReturnValue:
    """Show the questions once more, with what is wrong with the answers."""
    return _page(preset, given, error)


def begun_with(slug: str, ask: str) -> dict[str, Any]:
    """Return what the form of a new asset says of its preset: the answers, and where they can be changed."""
    preset = find_preset(slug)
    try:
        answers = read_pairs(ask, "ask") if preset else {}
    except FieldError:
        answers = {}  # What is wrong with them is said where they stand.
    given: dict[str, Any] = {_PREFIX + name: str(text) for name, text in answers.items()}
    return {"answers": answers, "again_url": url_for("presets.preset", slug=slug, **given) if preset else ""}


def _page(preset: Preset, given: Mapping[str, str], error: InvalidFields | None = None) -> ResponseReturnValue:
    values: dict[str, Any] = {
        f"{_PREFIX}{each.name}": given.get(each.name, each.default or "") for each in preset.questions
    }
    labels = {f"{_PREFIX}{each.name}": each.label for each in preset.questions}
    form, status = Form(values), 200
    if error is not None:
        form, status = (
            Form.refused(values, InvalidFields([(_PREFIX + name, words) for name, words in error.problems])),
            422,
        )
    more = {"labels": labels, "delivery": DELIVERY, "site_url": get_mint().settings.site_url, **offer_of(preset)}
    return shown("admin/preset.html", form, status, preset=preset, **more)


def _has(preset: Preset, words: list[str]) -> bool:
    text = f"{preset.name} {preset.kind} {preset.summary} {preset.slug}".casefold()
    return all(word in text for word in words)
