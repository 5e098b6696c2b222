"""From what a keyword gives to the tag that stands in its place, in a JSON text or as a whole value.

Rule: a value never becomes more than one JSON value. What Matrix would have pasted as raw JSON is text here, but for
`true`, `false`, `null`, numbers and texts that stand in the payload itself.
"""

import json
import re
from typing import Any

from .given import BOOLEAN, LIST, NUMBER, Choice, Given, Way, as_text, literal
from .report import CARRIED, DIFFERS, SAFE

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?", re.ASCII)
_NAME = re.compile(r"[a-z_.]+")
_EMPTY = ("[]", "{}", "null")
_MISSING = "Where it is missing it stays empty text; `| omit` in place of the `default` would leave the claim out."
_UNSAFE = "It had no `json_encode`: a quotation mark in it could have added claims. Here it cannot."
_RAW = "It stood without quotation marks, so its value was pasted as JSON. Here it is text."
_NOTHING_THERE = "Where it is missing it is 0 here; Matrix wrote nothing there, and nobody got a token."
_NOTHING: Any = object()


def in_text(given: Given, way: Way) -> str:
    """Return what stands in its place within a JSON text."""
    if given.kind in (BOOLEAN, LIST):
        given = as_text(given, way)
    if given.is_free and not way.encoded:
        way.say(SAFE, _UNSAFE)
    return _tag(_there(given, way))


def as_value(given: Given, way: Way) -> str:
    """Return what stands in its place as a whole JSON value."""
    if given.kind == BOOLEAN:
        if given.may_miss:
            way.say(DIFFERS, _NOTHING_THERE)
        given = as_text(given, way)
    if given.choice:
        return _chosen(given.choice, way)
    if given.kind in (NUMBER, LIST):
        if given.may_miss:
            way.say(CARRIED, "Where it is missing nobody gets a token, as before.")
        return _tag(given.code)
    way.say(SAFE, _RAW)
    return _tag(_there(given, way))


def _there(given: Given, way: Way) -> str:
    if given.may_miss:
        way.say(CARRIED, _MISSING)
        return given.there
    return given.code


def _tag(code: str) -> str:
    return f"{{{{ {code} }}}}"


def _chosen(choice: Choice, way: Way) -> str:
    then, otherwise = choice.then.strip(), choice.otherwise.strip()
    if choice.condition == "true" and (then in _EMPTY or _value(then) is not _NOTHING):
        return then if then in _EMPTY else _json(_value(then))
    if {then, otherwise} & set(_EMPTY):
        return f"{{% if {choice.condition} %}}{_written(then, way)}{{% else %}}{_written(otherwise, way)}{{% endif %}}"
    if choice.is_boolean and (then, otherwise) == ("true", "false"):
        return _tag(choice.condition)
    if choice.is_boolean and (then, otherwise) == ("false", "true") and _NAME.fullmatch(choice.condition):
        return _tag(f"not {choice.condition}")
    if choice.condition == "true":
        return _tag(_literal(then, way))
    return _tag(f"{_literal(then, way)} if {choice.condition} else {_literal(otherwise, way)}")


def _written(text: str, way: Way) -> str:
    """Return one branch of a block: JSON as it stands, or a tag."""
    return text if text in _EMPTY else _tag(_literal(text, way))


def _literal(text: str, way: Way) -> str:
    """Return a JSON value of the payload as an expression; what is none becomes text."""
    value = _value(text)
    if value is not _NOTHING:
        return literal(value) if isinstance(value, str) else json.dumps(value)
    way.say(SAFE, f"“{text}” is no JSON value. Here it is text.")
    return literal(text)


def _json(value: Any) -> str:
    return json.dumps(value).replace("{", "\\u007b")


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return json.loads(text)
    try:
        value = json.loads(text) if text[:1] == '"' else _NOTHING
    except ValueError:
        return _NOTHING
    return value
