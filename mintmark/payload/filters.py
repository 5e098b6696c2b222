"""The filters: each in one row, with what it takes and gives and one line for the help page.

Rule: a filter is a pure function of bounded values. What could grow is measured before it is made.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .limits import MAX_TEXT
from .problems import Fault
from .values import ANYTHING, LIST, NUMBER, TEXT, Kinds, Scalar, Value, spelled

ITEM = "item"  # as a result: whatever the list holds


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: how it is written, its meaning, the types it takes and gives, its arguments, its work."""

    name: str
    signature: str
    meaning: str
    takes: Kinds
    gives: str
    work: Callable[..., Value]
    arguments: tuple[str, ...] = ()
    required: int = 0


def _too_long(length: int) -> None:
    if length > MAX_TEXT:
        raise Fault(f"a text on the way is longer than {MAX_TEXT:,} characters")


def _replace(text: str, old: str, new: str) -> str:
    _too_long(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _join(items: list[Scalar], between: str = "") -> str:
    words = [spelled(item) for item in items]
    _too_long(sum(map(len, words)) + len(between) * max(0, len(words) - 1))
    return between.join(words)


def _unique(items: list[Scalar]) -> list[Scalar]:
    seen: dict[tuple[bool, Scalar], Scalar] = {}
    for item in items:
        seen.setdefault((type(item) is bool, item), item)
    return list(seen.values())


def _sort(items: list[Any]) -> list[Any]:
    kinds = {"number" if type(item) in (int, float) else type(item).__name__ for item in items}
    if kinds - {"number"} and kinds - {"str"}:
        raise Fault("`sort` takes a list of texts only, or of numbers only")
    return sorted(items)


def _json(value: Value) -> str:
    """Write a value as JSON; a list is measured first, and no character becomes more than six."""
    if type(value) is list:
        _too_long(sum(len(item) if type(item) is str else 1 for item in value) + 2 * len(value))
        return "[" + ",".join(_json(item) for item in value) + "]"
    if type(value) is str:
        return json.dumps(value, ensure_ascii=False)
    return spelled(value)  # type: ignore[arg-type]  # missing never comes here


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unused(_: Value) -> Value:
    raise AssertionError("`default` and `omit` are read by the syntax, not called")


_TEXTS, _LISTS = frozenset({TEXT}), frozenset({LIST})
_ROWS: Sequence[Filter] = (
    Filter("default", "default(x)", "x where the value is missing", ANYTHING, ITEM, _unused, ("any",), 1),
    Filter(
        "omit",
        "omit",
        "leaves the member or item out where the value is missing; last",
        ANYTHING,
        ITEM,
        _unused,
    ),
    Filter("lower", "lower", "in small letters", _TEXTS, TEXT, str.lower),
    Filter("upper", "upper", "in capitals", _TEXTS, TEXT, str.upper),
    Filter("trim", "trim", "without white space at its ends", _TEXTS, TEXT, str.strip),
    Filter(
        "replace",
        "replace(a, b)",
        "with every a replaced by b",
        _TEXTS,
        TEXT,
        _replace,
        ("some text", TEXT),
        2,
    ),
    Filter("join", "join(s)", "the items as one text, with s between them", _LISTS, TEXT, _join, (TEXT,)),
    Filter(
        "first",
        "first",
        "the first item; missing where there is none",
        _LISTS,
        ITEM,
        lambda x: x[0] if x else None,
    ),
    Filter(
        "last",
        "last",
        "the last item; missing where there is none",
        _LISTS,
        ITEM,
        lambda x: x[-1] if x else None,
    ),
    Filter("length", "length", "the number of characters or items", _TEXTS | _LISTS, NUMBER, len),
    Filter("unique", "unique", "without repeated items", _LISTS, LIST, _unique),
    Filter("sort", "sort", "in order: of code points, or of numbers", _LISTS, LIST, _sort),
    Filter(
        "truncate",
        "truncate(n)",
        "its first n characters",
        _TEXTS,
        TEXT,
        lambda x, n: x[:n],
        ("whole number",),
        1,
    ),
    Filter("json", "json", "the JSON text of the value, without spaces", ANYTHING, TEXT, _json),
    Filter("sha256", "sha256", "the SHA-256 of its UTF-8, as 64 hex digits", _TEXTS, TEXT, _sha256),
)
FILTERS: dict[str, Filter] = {row.name: row for row in _ROWS}

REFUSED = {
    "tojson": "a placeholder without quotes around it is written as JSON; `json` gives JSON as text",
    "safe": "delete it; nothing is escaped twice here",
    "e": "delete it; the site writes the JSON",
    "escape": "delete it; the site writes the JSON",
    "int": "a number attribute is a number already; without quotes it stays one",
    "string": 'put the placeholder between quotes, "{{ … }}"',
}


def argument_fault(row: Filter, arguments: Sequence[Value]) -> str:
    """Say what is wrong with the literal arguments of a filter, or nothing."""
    if not row.required <= len(arguments) <= len(row.arguments):
        return f"it is written `{row.signature}`"
    for wanted, given in zip(row.arguments, arguments, strict=False):
        if wanted == "whole number" and not (type(given) is int and given >= 0):
            return "it takes a whole number from 0"
        if wanted in (TEXT, "some text") and type(given) is not str:
            return "it takes text between quotes"
        if wanted == "some text" and not given:
            return "what is replaced cannot be empty"
    return ""
