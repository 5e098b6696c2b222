"""A look at a template while it is written: its problems, and the names and filters to choose from.

The one implementation is `mintmark.payload`; nothing is evaluated and nothing kept.
"""

import re
from typing import Any

from mintmark import attributes, payload
from mintmark.web.admin.entered_text import param_names

_LOOP = re.compile(r"\{%[-+]?\s*for\b")


def problems_of(template: str, params: str) -> list[payload.Problem]:
    """List what is wrong with a template; `params` is what was typed there, a line each."""
    return payload.check(template, attributes.declared(), param_names(params))


def look_at(template: str, params: str) -> dict[str, Any]:
    """Return problems, notes, names and filters as JSON for the script of the form."""
    declared, given = attributes.declared(), param_names(params)
    problems, notes = [], []
    try:
        notes = payload.compile(template, declared, given).notes
    except payload.TemplateError as error:
        problems = error.problems
    return {
        "problems": [_plain(problem) for problem in problems],
        "notes": [_plain(note) for note in notes],
        "names": _names(declared, given, has_loop=bool(_LOOP.search(template))),
        "filters": [{"signature": row.signature, "meaning": row.meaning} for row in payload.FILTERS.values()],
    }


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
