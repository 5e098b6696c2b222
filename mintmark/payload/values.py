"""The values of the language: text, number, boolean, list of these; and None, which means missing.

Rule: types differ, values differ (`true` is not 1), except that a number is a number (1 is 1.0). JSON's null is
not among them: it is had only by writing `null` outside the tags. Every bound of the language stands here, and is
met before the work that it bounds is done.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .problems import Fault

MAX_TEMPLATE_BYTES = 16_384
MAX_TOKEN_CHARACTERS = 8_192  # held by whoever signs; listed here with the rest
MAX_NAMES = 100  # as written, at every level, in every branch
MAX_LEVELS = 12  # the outermost object is 1
MAX_BLOCK_DEPTH = 10
MAX_LOOP_DEPTH = 2
MAX_EXPRESSION_DEPTH = 20
MAX_DIGITS = 20
MAX_TEXT = 8_192  # characters of any value on its way
MAX_ITEMS = 1_000  # items of any list on its way
MAX_STEPS = 200_000  # of one render
STEPS_PER_ACT = 8  # placeholder, condition, comparison, filter; the length of what it takes comes on top
MAX_WORDS = 6_000  # in all tags together: no text that people write has more
MAX_UNREADABLE_TAGS = 100  # then the rest is left unread: each costs a new start of the lexer
MAX_SUGGESTIONS = 10  # of one check: looking for the nearest name is slow
MAX_CANDIDATES = 80  # for one suggestion: the names of about that length

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[Scalar] | None
Types: TypeAlias = frozenset[str]

TEXT, NUMBER, BOOLEAN, LIST = "text", "number", "boolean", "list"
TYPE: dict[type, str] = {
    str: TEXT,
    int: NUMBER,
    float: NUMBER,
    bool: BOOLEAN,
    list: LIST,
    dict: "object",
    type(None): "null",
}
ONLY: dict[str, Types] = {name: frozenset({name}) for name in TYPE.values()}
NOTHING: Types = frozenset()
ANYTHING: Types = frozenset({TEXT, NUMBER, BOOLEAN, LIST})
NOT_FIXED: Final[Any] = object()

_BEYOND_DIGITS: int = 10**MAX_DIGITS
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ESCAPE = re.compile(r'\\(?:(["\'\\/bfnrt])|u([0-9a-fA-F]{4}))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HALVES = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a value before anybody is there: its types, those of its items, its literal, its names."""

    types: Types
    items: Types = NOTHING
    literal: Any = NOT_FIXED
    names: frozenset[str] = NOTHING
    may_be_omitted: bool = False


def facts_of(literal: Any) -> Facts:
    """Say what is known of a literal: all."""
    items = frozenset(TYPE[type(item)] for item in literal) if type(literal) is list else NOTHING
    return Facts(ONLY[TYPE[type(literal)]], items, literal)


def either(ways: Sequence[Facts], names: frozenset[str] = NOTHING) -> Facts:
    """Join what is known of several ways to one value, and the names that decide between them."""
    same = all(way.literal is not NOT_FIXED and are_equal(way.literal, ways[0].literal) for way in ways)
    return Facts(
        union(way.types for way in ways),
        union(way.items for way in ways),
        ways[0].literal if same else NOT_FIXED,
        names | union(way.names for way in ways),
        any(way.may_be_omitted for way in ways),
    )


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Join sets of types or names, however many."""
    return frozenset().union(*sets)


def are_equal(left: Any, right: Any) -> bool:
    """Compare two values; a boolean equals only a boolean, at any depth."""
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(are_equal, left, right))
    if type(left) is dict and type(right) is dict:
        return left.keys() == right.keys() and all(are_equal(left[name], right[name]) for name in left)
    if type(left) is bool or type(right) is bool:
        return left is right
    return bool(left == right)


def may_be_ordered(left: str, right: str) -> bool:
    """Tell whether `<` takes these two types."""
    return left == right and left in (NUMBER, TEXT)


def may_be_in(item: str, whole: str) -> bool:
    """Tell whether `in` takes these two types."""
    return item != LIST if whole == LIST else item == whole == TEXT


def _is_in(item: Any, whole: Any) -> bool:
    return item in whole if type(whole) is str else any(are_equal(item, one) for one in whole)


# How a comparison is written: what it does, and the pairs of types that it takes, where not all.
COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], Callable[[str, str], bool] | None]] = {
    "==": (are_equal, None),
    "!=": (lambda left, right: not are_equal(left, right), None),
    "<": (operator.lt, may_be_ordered),
    "<=": (operator.le, may_be_ordered),
    ">": (operator.gt, may_be_ordered),
    ">=": (operator.ge, may_be_ordered),
    "in": (_is_in, may_be_in),
    "not in": (lambda left, right: not _is_in(left, right), may_be_in),
}


def as_text(value: Value) -> str:
    """Write a value as text: text as it is, the rest as JSON spells it, a whole number without `.0`."""
    if type(value) is str:
        return value
    if type(value) is list:
        raise Fault("a list cannot stand inside text", "take the quotes away, or use `join`")
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer() and abs(value) < _BEYOND_DIGITS:
        return str(int(value))
    return repr(value)


def size(value: Value) -> int:
    """Give the length of a text or list, 0 for the rest: what a step on it costs beyond its fixed price."""
    return len(value) if type(value) is str or type(value) is list else 0


def check_length(length: int) -> None:
    """Fail where a text is, or would become, too long to go on with."""
    if length > MAX_TEXT:
        raise Fault(f"a text on the way is longer than {MAX_TEXT:,} characters")


def is_whole_text(value: object) -> bool:
    """Tell whether this is plain text without unpaired surrogates, so that it can be written as UTF-8."""
    if type(value) is not str:
        return False
    if len(value) > MAX_TEXT:
        check_length(len(value))
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


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
    if not math.isfinite(value := float(written)):
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
        lone = next((half.start() for half in _HALVES.finditer(written) if len(half[0]) == 6), 0)
        raise Fault("a surrogate (\\ud800 to \\udfff) without its other half", at=lone) from None
