"""The filters: each in one row, with what it takes and gives and one line for the help page.

Rule: a filter is a pure function of bounded values. What could grow is measured before it is made.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .problems import Fault
from .values import ANYTHING, LIST, NUMBER, TEXT, TYPE, Scalar, Types, Value, as_text, check_length

ITEM = "item"  # as a result: whatever the list holds
_SOME_TEXT, _WHOLE_NUMBER = "some text", "whole number"


class Filter(NamedTuple):
    """One filter: how it is written, its meaning, the types it takes and gives, its work, its arguments."""

    signature: str
    meaning: str
    takes: Types
    gives: str
    work: Callable[..., Value]
    arguments: tuple[str, ...] = ()
    required: int = 0

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]


def _replace(text: str, old: str, new: str) -> str:
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _join(items: list[Scalar], between: str = "") -> str:
    words = [as_text(item) for item in items]
    check_length(sum(map(len, words)) + len(between) * max(0, len(words) - 1))
    return between.join(words)


def _unique(items: list[Scalar]) -> list[Scalar]:
    seen: dict[tuple[bool, Scalar], Scalar] = {}
    for item in items:
        seen.setdefault((type(item) is bool, item), item)
    return list(seen.values())


def _sort(items: list[Any]) -> list[Any]:
    if not any({TYPE[type(item)] for item in items} <= {kind} for kind in (TEXT, NUMBER)):
        raise Fault("`sort` takes a list of texts only, or of numbers only")
    return sorted(items)


def _json(value: Value) -> str:
    """Write a value as JSON; a list is measured first, and no character becomes more than six."""
    if type(value) is list:
        check_length(sum(len(item) if type(item) is str else 1 for item in value) + 2 * len(value))
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if type(value) is str else as_text(value)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _first(items: list[Scalar]) -> Value:
    return items[0] if items else None


def _last(items: list[Scalar]) -> Value:
    return items[-1] if items else None


def _unused(_: Value) -> Value:
    raise AssertionError("`default` and `omit` are read by the syntax, not called")


_TEXTS, _LISTS = frozenset({TEXT}), frozenset({LIST})
_OMIT = "leaves the member or item out where the value is missing; last"
_ROWS = (
    Filter("default(x)", "x where the value is missing", ANYTHING, ITEM, _unused, ("any",), 1),
    Filter("omit", _OMIT, ANYTHING, ITEM, _unused),
    Filter("lower", "in small letters", _TEXTS, TEXT, str.lower),
    Filter("upper", "in capitals", _TEXTS, TEXT, str.upper),
    Filter("trim", "without white space at its ends", _TEXTS, TEXT, str.strip),
    Filter("replace(a, b)", "with every a replaced by b", _TEXTS, TEXT, _replace, (_SOME_TEXT, TEXT), 2),
    Filter("join(s)", "the items as one text, with s between them", _LISTS, TEXT, _join, (TEXT,)),
    Filter("first", "the first item; missing where there is none", _LISTS, ITEM, _first),
    Filter("last", "the last item; missing where there is none", _LISTS, ITEM, _last),
    Filter("length", "the number of characters or items", _TEXTS | _LISTS, NUMBER, len),
    Filter("unique", "without repeated items", _LISTS, LIST, _unique),
    Filter("sort", "in order: of code points, or of numbers", _LISTS, LIST, _sort),
    Filter("truncate(n)", "its first n characters", _TEXTS, TEXT, lambda text, n: text[:n], (_WHOLE_NUMBER,), 1),
    Filter("json", "the JSON text of the value, without spaces", ANYTHING, TEXT, _json),
    Filter("sha256", "the SHA-256 of its UTF-8, as 64 hex digits", _TEXTS, TEXT, _sha256),
)
FILTERS: dict[str, Filter] = {row.name: row for row in _ROWS}

_REFUSED = {
    "tojson": "a placeholder without quotes around it is written as JSON; `json` gives JSON as text",
    "safe": "delete it; nothing is escaped twice here",
    "e": "delete it; the site writes the JSON",
    "escape": "delete it; the site writes the JSON",
    "int": "a number attribute is a number already; without quotes it stays one",
    "string": 'put the placeholder between quotes, "{{ … }}"',
}


def hint_for(name: str) -> str:
    """Say what to write in place of a filter that is not here."""
    return _REFUSED.get(name) or f"there are {', '.join(f'`{known}`' for known in FILTERS)}"


def argument_fault(row: Filter, arguments: Sequence[Value]) -> str:
    """Say what is wrong with the literal arguments of a filter, or nothing."""
    if not row.required <= len(arguments) <= len(row.arguments):
        return f"it is written `{row.signature}`"
    for wanted, given in zip(row.arguments, arguments, strict=False):
        if wanted == _WHOLE_NUMBER and not (type(given) is int and given >= 0):
            return "it takes a whole number from 0"
        if wanted in (TEXT, _SOME_TEXT) and type(given) is not str:
            return "it takes text between quotes"
        if wanted == _SOME_TEXT and not given:
            return "what is replaced cannot be empty"
    return ""
