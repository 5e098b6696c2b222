"""The fields of custom attributes, on a person's own page and on the administrator's: shown and read by type.

A field that is sent back as it was shown keeps the value as it is, also one that no field can
show exactly: an empty text, a list with an empty item, an item of several lines.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

from mintmark.errors import FieldError
from mintmark.fields import read_attribute
from mintmark.models import Attribute
from mintmark.web.forms import Problems, lines_of, plain_lines

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_BOOLEANS = {"": None, "yes": True, "no": False}


def field_name(attribute: Attribute) -> str:
    """Return the name of an attribute's field on a form; no other field begins like it."""
    return f"attribute-{attribute.name}"


def labels(attributes: Iterable[Attribute]) -> dict[str, str]:
    """Return the label of each field, for the summary of problems."""
    return {field_name(attribute): attribute.label for attribute in attributes}


def values(attributes: Iterable[Attribute], current: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields show of a person's attributes."""
    return {field_name(attribute): _shown(current.get(attribute.name)) for attribute in attributes}


def typed(attributes: Iterable[Attribute]) -> dict[str, str]:
    """Return what was typed into the fields, to be shown again."""
    return {field_name(attribute): _typed(attribute) for attribute in attributes}


def read(attributes: Iterable[Attribute], problems: Problems, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return a person's attributes as entered: `current` with those changed that were typed anew; unset ones are gone.

    A field that was not sent changes nothing.
    """
    entered = dict(current)
    for attribute in attributes:
        field, text = field_name(attribute), _typed(attribute)
        if field in request.form and text != _shown(current.get(attribute.name)):
            with problems.of(field):
                entered[attribute.name] = read_attribute(_parsed(text, attribute.type), field, attribute.type)
    return {name: value for name, value in entered.items() if value is not None}


def _typed(attribute: Attribute) -> str:
    return plain_lines(request.form.get(field_name(attribute), ""))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return plain_lines("\n".join(str(item) for item in value))
    return plain_lines(value) if isinstance(value, str) else json.dumps(value)


def _parsed(text: str, kind: str) -> Any:
    """Return the value that was typed; None is unset. Raises FieldError."""
    if kind == "boolean":
        if text not in _BOOLEANS:
            raise FieldError("takes yes, no or nothing")
        return _BOOLEANS[text]
    if kind == "list":
        return lines_of(text) or None
    if kind == "number":
        return _number(text.strip())
    return text or None


def _number(text: str) -> int | float | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise FieldError("takes a number such as 12, -3 or 12.5")
    value: int | float = json.loads(text)
    return value
