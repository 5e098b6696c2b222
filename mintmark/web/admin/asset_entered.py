"""An asset's definition as fields of a form, and back: nothing is lost on the way, whatever it holds.

The form shows each field of `assets.definition` at the places in PLACES; the readers there decide
what is good, and their problems come back under the names of the form.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mintmark.assets.definition import DEFAULTS, read_definition
from mintmark.assets.party_changes import follow
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import identifier_key, read_text
from mintmark.keys.rings import Choice
from mintmark.web.admin import party_entered
from mintmark.web.admin.entered_text import (
    json_text,
    pairs_text,
    params_text,
    read_number,
    read_object,
    read_pairs,
    read_params,
)
from mintmark.web.forms import Problems, lines_of, typed

MAX_BOXES = 100  # More groups than these are entered by name, a line each.
EDITORS_FIELDS = ("name", "template")
# field of the definition → where the form shows it; a problem of it stands at the first.
PLACES = {
    "path": ("path",),
    "name": ("name",),
    "template": ("template",),
    "lifetime": ("lifetime", "endless"),
    "readers": ("readers", "reader_groups", "reader_names"),
    "editors": ("editor_groups", "editor_names"),
    "algorithm": ("algorithm",),
    "signing_key": ("signing_key",),
    "headers": ("headers",),
    "backdate": ("backdate",),
    "claims": ("claims",),
    "origins": ("origins",),
    "answer": ("answer", "answer_field", "answer_beside", "answer_methods"),
    "params": ("params",),
    **party_entered.PLACES,
    "live": ("live",),
}
LABELS = {
    "path": "Path",
    "name": "Name",
    "template": "Template",
    "lifetime": "Lifetime in seconds",
    "endless": "Never expires",
    "readers": "Who may fetch it",
    "reader_groups": "Groups that may fetch it",
    "reader_names": "Groups that may fetch it",
    "editor_groups": "Groups that may edit it",
    "editor_names": "Groups that may edit it",
    "algorithm": "Algorithm",
    "signing_key": "Signing key",
    "headers": "Headers",
    "backdate": "Backdate in seconds",
    "claims": "Claims of the site",
    "origins": "Origins",
    "answer": "Answer",
    "answer_field": "Field of the token",
    "answer_beside": "Fields beside the token",
    "answer_methods": "Methods",
    "params": "Parameters",
    **party_entered.LABELS,
    "live": "Live",
}
_LISTS = ("claims", "answer_methods", "reader_groups", "editor_groups")
_SWITCHES = ("endless", "live")
_TEXTS = tuple(name for name in LABELS if name not in (*_LISTS, *_SWITCHES))
_ONE_LINE = frozenset({"path", "name", "answer_field", *party_entered.ONE_LINE})
_JSON_ANSWER = {"field": "token", "beside": {}, "methods": ["GET", "POST"]}


def typed_values(only: Iterable[str] = ()) -> dict[str, Any]:
    """Return what was entered, by fields of the form; `only`: of these text fields, and nothing else."""
    return typed(*only) if only else typed(*_TEXTS, lists=_LISTS, switches=_SWITCHES)


def values_of(definition: Mapping[str, Any], group_names: Mapping[str, str]) -> dict[str, Any]:
    """Return a definition as the form shows it. `group_names` is id → name; a group that is gone is left out.

    Its signing key is not chosen again on the form: there stands the id of the ring.
    """
    lifetime, answer = definition["lifetime"], {**_JSON_ANSWER, **definition["answer"]}
    readers = [] if definition["readers"] == "everyone" else definition["readers"]
    listed = {
        f"{one}_{how}": found
        for one, ids in (("reader", readers), ("editor", definition["editors"]))
        for how, found in _listed([each for each in ids if each in group_names], group_names).items()
    }
    return {
        **{name: definition[name] for name in ("path", "name", "template", "algorithm", "live")},
        **listed,
        "lifetime": "" if lifetime is None else str(lifetime),
        "endless": lifetime is None,
        "readers": "everyone" if definition["readers"] == "everyone" else "groups",
        "signing_key": definition.get("signing_key") or "",
        "headers": pairs_text(definition["headers"]),
        "backdate": str(definition["backdate"]),
        "claims": [name for name, is_on in definition["claims"].items() if is_on],
        "origins": "\n".join(definition["origins"]),
        "answer": answer["form"],
        "answer_field": answer["field"],
        "answer_beside": json_text(answer["beside"]) if answer["beside"] else "",
        "answer_methods": answer["methods"] if answer["form"] == "json" else _JSON_ANSWER["methods"],
        "params": params_text(definition["params"]),
        **party_entered.values_of(definition),
    }


def _listed(ids: list[str], group_names: Mapping[str, str]) -> dict[str, Any]:
    if len(group_names) <= MAX_BOXES:
        return {"groups": ids, "names": ""}
    return {"groups": [], "names": "\n".join(sorted(group_names[each] for each in ids))}


def as_stored(values: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, each as it is stored where only line ends differ, for browsers send those their own way."""
    return {
        name: stored[name] if isinstance(value, str) and _sent(name, value) == _sent(name, stored[name]) else value
        for name, value in values.items()
    }


def _sent(name: str, text: str) -> str:
    """Return a text as a browser sends it from a field of one line, or of many (HTML, value sanitization)."""
    return re.sub(r"[\r\n]", "", text) if name in _ONE_LINE else re.sub(r"\r\n?", "\n", text)


def read_entered(
    values: Mapping[str, Any],
    *,
    group_ids: Mapping[str, str],
    attributes: Mapping[str, str],
    keys: Mapping[str, Choice],
    before: Mapping[str, Any] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """Return the checked definition, and what to say of what followed other answers than those of `before`.

    `group_ids` is name key → id, `keys` what `signing_key` may be and names; `kept` is as for read_definition.
    Raises InvalidFields, by fields of the form.
    """
    problems = Problems()
    entered: dict[str, Any] = {name: values[name] for name in PLACES if name in values}
    entered["signing_key"] = values["signing_key"] or None
    entered["claims"] = {name: name in values["claims"] for name in DEFAULTS["claims"]}
    entered["origins"] = lines_of(values["origins"])
    entered["backdate"] = read_number(values["backdate"])
    readers: dict[str, Callable[[], Any]] = {
        "lifetime": lambda: _lifetime(values),
        "readers": lambda: _readers(values, group_ids),
        "editors": lambda: _groups(values, "editor", group_ids),
        "headers": lambda: read_pairs(values["headers"], "headers"),
        "answer": lambda: _answer(values),
        "params": lambda: read_params(values["params"]),
        **party_entered.readers(values),
    }
    for field, read in readers.items():
        # What is refused here stays text, which is refused below as well: the first words are shown.
        entered.setdefault(field, "")
        with problems.of():
            entered[field] = read()
    followed = follow(entered, before or {})
    _add_all(problems, followed.problems)
    ids = {each: each for each in group_ids.values()}
    try:
        definition = read_definition(followed.entered, group_ids=ids, attributes=attributes, keys=keys, kept=kept)
    except InvalidFields as error:
        _add_all(problems, error.problems)
    problems.see()
    return definition, party_entered.said_of(followed)


def _add_all(problems: Problems, more: Iterable[tuple[str, str]]) -> None:
    found: dict[str, list[str]] = {}
    for field, words in more:
        found.setdefault(field, []).append(words)
    for field, all_words in found.items():
        # A template may break a contract in several places; of other fields the first thing is enough.
        _add(problems, field, "; ".join(all_words) if field == "template" else all_words[0])


def _add(problems: Problems, field: str, words: str) -> None:
    if not any(place in problems.found for place in PLACES[field]):
        problems.add("answer_beside" if field == "answer" else PLACES[field][0], words)


def _lifetime(values: Mapping[str, Any]) -> Any:
    if values["endless"]:
        return None
    if not values["lifetime"].strip():
        raise FieldError("is empty; write a number, or tick “Never expires”", "lifetime")
    return read_number(values["lifetime"])


def _readers(values: Mapping[str, Any], group_ids: Mapping[str, str]) -> Any:
    chosen = _groups(values, "reader", group_ids)
    if values["readers"] != "everyone":
        return chosen
    if chosen:
        raise FieldError("says anybody, and groups are chosen: take one of the two", "readers")
    return "everyone"


def _groups(values: Mapping[str, Any], one: str, group_ids: Mapping[str, str]) -> list[str]:
    """Return the ids of the groups that are ticked or named."""
    chosen, known = list(values[f"{one}_groups"]), set(group_ids.values())
    if not known.issuperset(chosen):
        raise FieldError("held a group that was taken away meanwhile; see what is chosen now", f"{one}_groups")
    for name in lines_of(values[f"{one}_names"]):
        if identifier_key(name) not in group_ids:
            raise FieldError(f"“{name[:60]}” is no group", f"{one}_names")
        chosen.append(group_ids[identifier_key(name)])
    return chosen


def _answer(values: Mapping[str, Any]) -> dict[str, Any]:
    if values["answer"] != "json":
        return {"form": values["answer"]}
    read_text(values["answer_field"], "answer_field", longest=100)
    if not set(values["answer_methods"]) & {"GET", "POST"}:
        raise FieldError("are none: choose GET, POST or both", "answer_methods")
    beside = read_object(values["answer_beside"] or "{}", "answer_beside")
    methods = values["answer_methods"]
    return {"form": "json", "field": values["answer_field"], "beside": beside, "methods": methods}
