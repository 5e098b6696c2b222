"""The fixed `aud` of a template, replaced in its text: for a copy that shares the signing key of its original."""

import json
import re
from collections.abc import Mapping
from typing import Any

from mintmark import attributes, payload
from mintmark.errors import FieldError
from mintmark.keys.sharing import literal_audience

_MEMBER = re.compile(r'"aud"\s*:\s*("(?:[^"\\]|\\.)*"|\[[^\[\]{}]*\])')


def with_audience(definition: Mapping[str, Any], audience: str) -> str:
    """Return the template of a definition with another fixed `aud`; no other claim changes. Raises FieldError."""
    template: str = definition["template"]
    params = [param["name"] for param in definition["params"]]
    declared = attributes.declared()
    literal = json.dumps(audience, ensure_ascii=False).replace("{", "\\u007b")  # What was typed is text and no tag.
    for found in _MEMBER.finditer(template):  # One that stands elsewhere gives another `aud` than that which was typed.
        changed = template[: found.start(1)] + literal + template[found.end(1) :]
        try:
            fixed = literal_audience(payload.compile(changed, declared, params))
        except payload.TemplateError:
            continue
        if fixed == [audience]:
            return changed
    words = "cannot be put into the template, which has no fixed “aud” in its place; take a key of its own for the copy"
    raise FieldError(words, "audience")
