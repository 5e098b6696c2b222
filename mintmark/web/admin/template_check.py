"""A look at a template while it is written: its problems, what in it breaks a contract, and names to choose from.

The one implementation is `mintmark.payload`, and of contracts `mintmark.contracts`; nothing is evaluated and
nothing kept. Of the fields beside the template each counts as far as it can be read: the rest is said at the save.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from mintmark import attributes, groups, payload, tokens
from mintmark.assets.definition import DEFAULTS
from mintmark.assets.party_fields import check_party, read_contract_field, read_preset_field
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_whole
from mintmark.web.admin import party_entered
from mintmark.web.admin.asset_entered import LABELS, typed_values, values_of
from mintmark.web.admin.entered_text import param_names, read_number, read_pairs
from mintmark.web.admin.new_entered import typed_key_values, with_algorithm_of_key

_LOOP = re.compile(r"\{%[-+]?\s*for\b")
_ANY_LIFETIME = 10**12  # What the field itself takes is said at the save.


def typed_beside(kept: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """Return what the form of an asset holds beside its template; what is not on it is as the definition has it."""
    values = typed_values()
    if kept is None:
        return with_algorithm_of_key(values | typed_key_values(), now)
    as_kept = values_of(kept, groups.names_by_id())
    if "lifetime" not in request.form:  # The form of an editor.
        return as_kept | {"template": values["template"]}
    return values | {"algorithm": values["algorithm"] or as_kept["algorithm"]}


def problems_of(template: str, params: str) -> list[payload.Problem]:
    """List what is wrong with a template; `params` is what was typed there, a line each."""
    return payload.check(template, attributes.declared(), param_names(params))


def breaches_of(template: str, params: str, values: Mapping[str, Any]) -> list[dict[str, str]]:
    """List what certainly breaks the contract that was typed: by field of the form, with its label and words."""
    try:
        return _breaches(payload.compile(template, attributes.declared(), param_names(params)), values)
    except payload.TemplateError:
        return _breaches(None, values)


def look_at(template: str, params: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return problems, breaches, notes, names and filters as JSON for the script of the form."""
    declared, given = attributes.declared(), param_names(params)
    problems, compiled = [], None
    try:
        compiled = payload.compile(template, declared, given)
    except payload.TemplateError as error:
        problems = error.problems
    return {
        "problems": [_plain(problem) for problem in problems],
        "breaches": _breaches(compiled, values) if values else [],
        "notes": [_plain(note) for note in compiled.notes] if compiled else [],
        "names": _names(declared, given, has_loop=bool(_LOOP.search(template))),
        "filters": [{"signature": row.signature, "meaning": row.meaning} for row in payload.FILTERS.values()],
    }


def _breaches(template: payload.Template | None, values: Mapping[str, Any]) -> list[dict[str, str]]:
    readers = party_entered.readers(values)
    try:
        party = {
            "preset": read_preset_field(readers["preset"]()),
            "contract": read_contract_field(readers["contract"]()),
        }
        given = readers["ask"]()
    except (FieldError, InvalidFields):
        return []
    found = check_party(_readable(values) | party, given, template)
    # What is wrong with the answers themselves is said where they are saved.
    return [
        {"field": field, "label": LABELS[field], "words": words}
        for field, words in found
        if field not in ("ask", "contract")
    ]


def _readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the definition that a contract speaks of, those that can be read."""
    readers: dict[str, Callable[[], Any]] = {
        "algorithm": lambda: tokens.read_algorithm(values["algorithm"]),
        "lifetime": lambda: None if values["endless"] else _seconds(values["lifetime"]),
        "headers": lambda: tokens.read_headers(read_pairs(values["headers"], "headers")),
        "claims": lambda: {name: name in values["claims"] for name in DEFAULTS["claims"]},
    }
    found = {}
    for field, read in readers.items():
        try:
            found[field] = read()
        except FieldError:
            continue
    return found


def _seconds(text: str) -> int:
    return read_whole(read_number(text), "lifetime", 1, _ANY_LIFETIME)


def _plain(problem: payload.Problem) -> dict[str, Any]:
    return {"line": problem.line, "column": problem.column, "reason": problem.reason, "hint": problem.hint}


def _names(declared: dict[str, str], params: list[str], *, has_loop: bool) -> list[dict[str, str]]:
    rows = [*payload.CONTEXT, *(payload.LOOP if has_loop else ())]
    return [
        *({"name": row.name, "type": row.type, "meaning": row.meaning} for row in rows),
        *(
            {"name": f"user.attributes.{name}", "type": kind, "meaning": "as declared"}
            for name, kind in declared.items()
        ),
        *({"name": f"params.{name}", "type": "text", "meaning": "a parameter of the request"} for name in params),
    ]
