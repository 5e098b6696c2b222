"""Plain data, built from what a parser of JSON or YAML finds, with the place of all that is wrong in it.

Rule: no recursion, so that depth is a number that we choose. A fault does not stop the reading:
repeated names, tags and the like are told together with what is wrong in the entries.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mintmark.fields import MAX_DIGITS
from mintmark.site_file.problems import unreadable

MAX_DEPTH = 32
MAX_FAULTS = 1_000  # more are told when these are mended
NOTHING: Any = object()  # No value at all: an empty file, or a name that cannot be one.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)", re.ASCII)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def place_in(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


@dataclass(frozen=True)
class Fault:
    """Something wrong at a path of names and indexes (from 0) in the data; the words say line and column."""

    path: tuple[str | int, ...]
    words: str


@dataclass
class _Open:
    """A list or object that is being read. `name` is the one whose value comes next."""

    items: Any
    name: Any = NOTHING
    awaits_name: bool = False


class Tree:
    """Builds the data. `place` turns what the parser calls a place into line and column, from 1."""

    def __init__(self, place: Callable[[Any], tuple[int, int]]) -> None:
        self.root: Any = NOTHING
        self.faults: list[Fault] = []
        self._place = place
        self._open: list[_Open] = []

    def begin(self, items: list[Any] | dict[str, Any], at: Any) -> None:
        """Begin a list or an object."""
        if len(self._open) >= MAX_DEPTH:
            raise unreadable(f"is nested more than {MAX_DEPTH} levels deep", *self._place(at))
        self._put(items, at)
        self._open.append(_Open(items, awaits_name=isinstance(items, dict)))

    def end(self) -> None:
        """End the innermost list or object."""
        self._open.pop()

    def text(self, text: str, at: Any) -> None:
        """Add a text, or the name of a member."""
        if _NO_TEXT.search(text):
            self.fault("holds a character that is no text (NUL or half of a surrogate pair)", at)
        self._put(text, at)

    def plain(self, text: str, at: Any) -> None:
        """Add what stands without quotes: null, true, false, a decimal number; everything else is text."""
        if text in _WORDS:
            self._put(_WORDS[text], at)
        elif match := _NUMBER.fullmatch(text):
            self._put(self._number(text, bool(match[1]), at), at)
        elif text == "<<" and self._awaits_name():
            self.fault("“<<” would merge objects, which a site file cannot", at)
            self._put(NOTHING, at)
        else:
            self.text(text, at)

    def fault(self, words: str, at: Any) -> None:
        """Note something wrong with what comes next."""
        if len(self.faults) < MAX_FAULTS:
            line, column = self._place(at)
            self.faults.append(Fault(self._path(), f"{words} (line {line}, column {column})"))

    def _path(self) -> tuple[str | int, ...]:
        """Return where the next value comes; it ends at what has no name, or no usable one."""
        path: list[str | int] = []
        for depth, one in enumerate(self._open, 1):
            is_innermost = depth == len(self._open)
            if isinstance(one.items, list):
                path.append(len(one.items) - (not is_innermost))
            elif one.name is NOTHING or (is_innermost and one.awaits_name):
                break
            else:
                path.append(one.name)
        return tuple(path)

    def _number(self, text: str, is_float: bool, at: Any) -> Any:
        digits = len(re.sub("[eE].*|[^0-9]", "", text).lstrip("0"))
        value = float(text) if is_float else 0
        if digits > MAX_DIGITS or value in (float("inf"), float("-inf")):
            self.fault(f"is a number of more than {MAX_DIGITS} digits; if it is text, put it in quotes", at)
            return None
        return value if is_float else int(text)

    def _awaits_name(self) -> bool:
        return bool(self._open) and self._open[-1].awaits_name

    def _put(self, value: Any, at: Any) -> None:
        if not self._open:
            self.root = value
        elif self._open[-1].awaits_name:
            self._put_name(value, at)
        else:
            self._put_value(self._open[-1], value)

    def _put_name(self, name: Any, at: Any) -> None:
        inner = self._open[-1]
        inner.awaits_name, inner.name = False, NOTHING
        if name is NOTHING:
            return
        if not isinstance(name, str):
            return self.fault("has a name that is no text; put it in quotes", at)
        inner.name = name
        if name in inner.items:
            self.fault("is written twice", at)
            inner.name = NOTHING  # The first one stays; its place among the faults is enough.

    def _put_value(self, inner: _Open, value: Any) -> None:
        if isinstance(inner.items, list):
            inner.items.append(value)
            return
        if inner.name is not NOTHING:
            inner.items[inner.name] = None if value is NOTHING else value
        # While a container is open below, `name` still says where; the next name replaces it.
        inner.awaits_name = True


_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
