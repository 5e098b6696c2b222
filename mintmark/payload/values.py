"""The values of the language: text, number, boolean, list of these; and None, which means missing.

Rule: types differ, values differ (`true` is not 1), except that a number is a number (1 is 1.0). JSON's
null is not among them: it is had only by writing `null` outside the tags.
"""

import math
import re
from collections.abc import Iterable
from typing import TypeAlias

from .limits import MAX_DIGITS, MAX_TEXT
from .problems import Fault

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[Scalar] | None
Json: TypeAlias = Scalar | None | list["Json"] | dict[str, "Json"]
Kinds: TypeAlias = frozenset[str]

TEXT, NUMBER, BOOLEAN, LIST = "text", "number", "boolean", "list"
KIND: dict[type, str] = {str: TEXT, int: NUMBER, float: NUMBER, bool: BOOLEAN, list: LIST}
SCALARS: Kinds = frozenset({TEXT, NUMBER, BOOLEAN})
ANYTHING: Kinds = SCALARS | {LIST}

_BEYOND_DIGITS: int = 10**MAX_DIGITS
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ESCAPE = re.compile(r'\\(?:(["\'\\/bfnrt])|u([0-9a-fA-F]{4}))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def spelled(value: Scalar) -> str:
    """Write a value as text: text as it is, the rest as JSON spells it, a whole number without `.0`."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer() and abs(value) < _BEYOND_DIGITS:
        return str(int(value))
    return repr(value)


def as_text(value: Value) -> str:
    """Write a value inside text, where a list cannot stand."""
    if type(value) is list:
        raise Fault("a list cannot stand inside text", "take the quotes away, or use `join`")
    return spelled(value)  # type: ignore[arg-type]  # missing never comes here


def are_equal(left: Value, right: Value) -> bool:
    """Compare two values that are there; a boolean equals only a boolean, at any depth."""
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(are_equal, left, right))
    if type(left) is bool or type(right) is bool:
        return left is right
    return left == right


def is_in(item: Value, whole: Value) -> bool:
    """Tell whether a list holds an item, or a text a text; any other pair is a fault."""
    if type(whole) is list and type(item) is not list:
        return any(are_equal(item, one) for one in whole)
    if type(whole) is str and type(item) is str:
        return item in whole
    raise Fault("`in` looks for an item in a list, or for a text in a text")


def size(value: Value) -> int:
    """Give the length of a text or list, 0 for the rest: what a step on it costs beyond its fixed price."""
    return len(value) if type(value) is str or type(value) is list else 0


def bounded_text(text: str) -> str:
    """Return the text, or fail where it is too long to go on with."""
    if len(text) > MAX_TEXT:
        raise Fault(f"a text on the way is longer than {MAX_TEXT:,} characters")
    return text


def is_whole_text(text: str) -> bool:
    """Tell whether the text has no unpaired surrogate: whether it can be written as UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_plain_number(value: object) -> bool:
    """Tell whether this is a finite number of at most 20 digits."""
    if type(value) is int:
        return abs(value) < _BEYOND_DIGITS
    return type(value) is float and math.isfinite(value)


def number(written: str) -> int | float:
    """Read a number spelled as JSON spells it; the grammar has been checked, the bounds are here."""
    if sum(map(str.isdigit, written)) > MAX_DIGITS:
        raise Fault(f"a number has at most {MAX_DIGITS} digits")
    if written.lstrip("-").isdigit():
        return int(written)
    value = float(written)
    if not math.isfinite(value):
        raise Fault("this number is too large")
    return value


def unescaped(written: str) -> str:
    """Undo JSON's escapes (and `\\'`) in text between quotes; pairs of surrogates become one character."""
    if "\\" not in written:
        return written
    pieces: list[str] = []
    at = 0
    while (slash := written.find("\\", at)) >= 0:
        found = _ESCAPE.match(written, slash)
        if not found:
            raise Fault('only \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hex digits are escapes', at=slash)
        letter, digits = found.groups()
        pieces += written[at:slash], chr(int(digits, 16)) if digits else _ESCAPED.get(letter, letter)
        at = found.end()
    text = "".join((*pieces, written[at:]))
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise Fault("a surrogate (\\ud800 to \\udfff) without its other half", at=_lone(written)) from None


def _lone(written: str) -> int:
    """Find the first escape that is half of a pair without the other half."""
    halves: Iterable[re.Match[str]] = re.finditer(
        r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.", written
    )
    return next((half.start() for half in halves if len(half[0]) == 6), 0)
