"""Lists and objects of an asset as text of a form: a line each, or JSON, and back.

What is written here reads back as it was; what is no such text is refused with what to do.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mintmark.assets.params import PARAM_NAME
from mintmark.errors import FieldError
from mintmark.web.forms import lines_of


def read_number(text: str) -> int | str:
    """Return a number where the text is one; the reader of the field refuses the rest in its own words."""
    text = text.strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,12}", text, re.ASCII) else text


def read_pairs(text: str, field: str) -> dict[str, Any]:
    """Return what lines `name: value` say, or one JSON object. Raises FieldError."""
    if text.lstrip().startswith("{"):
        return read_object(text, field)
    pairs: dict[str, Any] = {}
    for line in lines_of(text):
        name, colon, value = (piece.strip() for piece in line.partition(":"))
        if not colon:
            raise FieldError(f"“{line[:40]}” has no colon; write each as name: value", field)
        if name in pairs:
            raise FieldError(f"names “{name[:40]}” twice", field)
        pairs[name] = value
    return pairs


def pairs_text(pairs: Mapping[str, str]) -> str:
    """Return a line for each name and value, or JSON where lines would not give the same back."""
    lines = re.sub(r"\r\n?", "\n", "\n".join(f"{name}: {value}" for name, value in pairs.items()))
    try:
        return lines if read_pairs(lines, "") == pairs else json_text(pairs)
    except FieldError:
        return json_text(pairs)


def read_params(text: str) -> list[dict[str, Any]]:
    """Return parameters of lines `name`, or `name: one, other`; what they may be is not looked at here."""
    params: list[dict[str, Any]] = []
    for line in lines_of(text):
        name, colon, listed = line.partition(":")
        one_of = {"one_of": [value.strip() for value in listed.split(",")]} if colon else {}
        params.append({"name": name.strip(), **one_of})
    return params


def params_text(params: Iterable[Mapping[str, Any]]) -> str:
    """Return a line for each parameter: its name, and the values it takes where they are listed."""
    return "\n".join(map(_param_line, params))


def _param_line(param: Mapping[str, Any]) -> str:
    return f"{param['name']}: {', '.join(param['one_of'])}" if "one_of" in param else str(param["name"])


def param_names(text: str) -> list[str]:
    """Return the names of parameters as far as lines name some, for a look at a template while it is written."""
    return [param["name"] for param in read_params(text) if PARAM_NAME.fullmatch(param["name"])]


def json_text(value: Any) -> str:
    """Return JSON for somebody to read and change."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def read_object(text: str, field: str) -> dict[str, Any]:
    """Return one JSON object without repeated names (RFC 8259 §4). Raises FieldError."""

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise FieldError("cannot name a field twice in one object", field)
        return found

    try:
        found = json.loads(text, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise FieldError(f"cannot be read as a JSON object: {error.msg} at {place}", field) from None
    except (ValueError, RecursionError):
        raise FieldError("cannot be read as a JSON object that can be kept", field) from None
    if not isinstance(found, dict):
        raise FieldError("cannot be read as a JSON object: write {…}", field)
    return found
