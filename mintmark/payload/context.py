"""The names that a template may use, what type each has, and how each is read from a person's context.

Rule: every name is declared here, by an attribute or by a parameter; the rest is refused at save. Values
are checked where they are read, because whoever gathers them may be wrong and a token must not be.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from .problems import Fault
from .values import (
    BOOLEAN,
    LIST,
    MAX_CANDIDATES,
    MAX_ITEMS,
    MAX_STEPS,
    MAX_SUGGESTIONS,
    NUMBER,
    TEXT,
    Value,
    is_plain_number,
    is_whole_text,
)


class Declared(NamedTuple):
    """One name of the context, its type, and its meaning in one line."""

    name: str
    type: str
    meaning: str


CONTEXT = (
    Declared("user.id", TEXT, "the person's id, a UUID; it never changes"),
    Declared("user.username", TEXT, "the username, as typed"),
    Declared("user.email", TEXT, "the e-mail address, or missing"),
    Declared("user.first_name", TEXT, "the first name, or missing"),
    Declared("user.last_name", TEXT, "the last name, or missing"),
    Declared("user.display_name", TEXT, "the display name; else first and last name; else the username"),
    Declared("user.groups", LIST, "the names of the person's groups, sorted"),
    Declared("user.roles", LIST, "the person's roles, sorted"),
    Declared("user.permissions", LIST, "the person's permissions, sorted"),
    Declared("user.is_admin", BOOLEAN, "whether the person administers this site"),
    Declared("asset.path", TEXT, "the path of this asset"),
    Declared("asset.name", TEXT, "the name of this asset"),
    Declared("asset.can_edit", BOOLEAN, "whether the person may edit this asset"),
    Declared("site.url", TEXT, "the address of this site"),
    Declared("now", NUMBER, "the moment of issue, in whole seconds since 1970"),
)
LOOP = (
    Declared("loop.first", BOOLEAN, "whether this is the first round"),
    Declared("loop.last", BOOLEAN, "whether this is the last round"),
    Declared("loop.index", NUMBER, "the number of this round, from 1"),
    Declared("loop.index0", NUMBER, "the number of this round, from 0"),
    Declared("loop.length", NUMBER, "the number of rounds"),
)
RESERVED = frozenset({"user", "asset", "site", "now", "params", "loop"})  # none is the name of a loop
BRANCHES = RESERVED - {"now"} | {"user.attributes"}  # these alone are no values
UNREAD: Final[Any] = object()
ATTRIBUTE_TYPES = (TEXT, NUMBER, BOOLEAN, LIST)


class Names:
    """All names that one template may use: the site's, the declared attributes and parameters."""

    def __init__(self, attributes: Mapping[str, str], params: Iterable[str]) -> None:
        if unknown := {kind for kind in attributes.values() if kind not in ATTRIBUTE_TYPES}:
            raise ValueError(f"no such attribute type: {sorted(unknown)}")
        self.types = {declared.name: declared.type for declared in CONTEXT}
        self.types |= {f"user.attributes.{name}": kind for name, kind in attributes.items()}
        self.types |= {f"params.{name}": TEXT for name in params}
        self._nearest: dict[str, str] = {}

    def nearest(self, name: str, also: Iterable[str] = ()) -> str:
        """Say which declared name was probably meant: "did you mean `user.email`?", or nothing."""
        if name not in self._nearest:
            if len(self._nearest) >= MAX_SUGGESTIONS or len(name) > 80:
                return ""
            self._nearest[name] = _closest(name, [*self.types, *also])
        found = self._nearest[name]
        return f"did you mean `{found}`?" if found else ""


def _closest(name: str, known: list[str]) -> str:
    """Find the declared name that ends the same way, or else is spelled most like it."""
    last = name.rpartition(".")[2]
    same = [one for one in known if one.rpartition(".")[2] == last]
    known = sorted(known, key=lambda one: abs(len(one) - len(name)))[:MAX_CANDIDATES]
    close = same or difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if not close:
        tails = {one.rpartition(".")[2]: one for one in reversed(known)}
        close = [tails[tail] for tail in difflib.get_close_matches(last, tails, n=1, cutoff=0.75)]
    return close[0] if close else ""


class Source(NamedTuple):
    """Where a claim came from: the place in the template, the names used there, its type in this token."""

    line: int
    column: int
    names: frozenset[str]
    type: str
    is_literal: bool
    took_default: bool = False


class Run:
    """One render: the context, what was read of it, the loops it stands in, the steps it has done."""

    __slots__ = ("context", "indexes", "items", "lengths", "sources", "steps", "took_default", "values")

    def __init__(self, context: object, names: int, sources: dict[Any, Source]) -> None:
        self.context = context
        self.values = [UNREAD] * names
        self.items: list[Value] = [None, None]
        self.indexes = [0, 0]
        self.lengths = [0, 0]
        self.steps = 0
        self.sources = sources
        self.took_default = False

    def spend(self, steps: int) -> None:
        """Count steps before they are done; one render has a bounded number of them."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Fault(f"this needs more than {MAX_STEPS:,} steps", "make the loops smaller")

    def read(self, slot: int, path: tuple[str, ...], kind: str) -> Value:
        """Read a declared name for the first time: its value, or None where it is missing."""
        value = self.context
        try:
            for key in path:
                value = value[key]  # type: ignore[index]  # whatever cannot be indexed is caught below
                if value is None:
                    break
        except KeyError:
            value = None
        except Exception as error:
            raise Fault(f"`{'.'.join(path)}` cannot be read: the site gave no plain values") from error
        found = self.values[slot] = None if value is None else _checked(value, kind, path)
        return found


def _checked(value: Any, kind: str, path: tuple[str, ...]) -> Value:
    """Return a value of exactly the declared type, whole and within bounds, or fail."""
    if kind == TEXT and is_whole_text(value) or kind == NUMBER and is_plain_number(value):
        return value  # type: ignore[no-any-return]  # a text or a number
    if kind == BOOLEAN and type(value) is bool:
        return value
    if kind == LIST and isinstance(value, list | tuple):
        if len(value) > MAX_ITEMS:
            raise Fault(f"`{'.'.join(path)}` has more than {MAX_ITEMS:,} items")
        if all(map(is_whole_text, value)):
            return list(value)
    a_kind = {TEXT: "text", LIST: "a list of text"}.get(kind, f"a {kind}")
    raise Fault(f"`{'.'.join(path)}` is not {a_kind}, as declared")
