"""What a checked template becomes: a tree of objects, lists, texts and values that gives the claims of a person.

Rule: claims are built, never parsed. A value stands where its placeholder stood and can be nothing else there. With a
`path` (of the claim being built) each value also notes its source; without one nothing of that is paid for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from .expressions import Expression, Run
from .limits import STEPS_PER_ACT
from .problems import Fault, Problem, TemplateError
from .values import KIND, Json, Value, as_text, size

Path = tuple[str | int, ...] | None
OMITTED: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a claim came from: the place in the template, the names used there, its type in this token."""

    line: int
    column: int
    names: frozenset[str]
    type: str
    is_literal: bool
    took_default: bool = False


class Node(Protocol):
    """What gives one JSON value, or OMITTED."""

    def build(self, run: Run, path: Path) -> Any: ...


class Part(Protocol):
    """What adds to an object, a list or a text; False where the text is to be left out."""

    def write(self, run: Run, out: Any, path: Path) -> bool: ...


class Spot:
    """An expression at its place: placeholder, condition or the list of a loop."""

    __slots__ = ("expression", "extra", "omits", "place")

    def __init__(self, expression: Expression, place: tuple[int, int], *, omits: bool = False) -> None:
        self.expression, self.place, self.omits = expression, place, omits
        self.extra = STEPS_PER_ACT + expression.parts - 1

    def value(self, run: Run) -> Value:
        """Give the value or None, and pay for it."""
        try:
            value = self.expression.value(run)
            run.spend(self.extra + size(value))
            return value
        except Fault as fault:
            raise self.error(fault) from None

    def get(self, run: Run) -> Any:
        """Give the value, or OMITTED where it may be left out; missing is an error."""
        value = self.value(run)
        if value is not None:
            return value
        if self.omits:
            return OMITTED
        raise self.missing(run)

    def missing(self, run: Run) -> TemplateError:
        run.steps = 0
        try:
            name = self.expression.culprit(run)
        except Fault:
            name = None
        reason = f"`{name}` is missing" if name else "this gives no value: nothing in it holds"
        return self.error(Fault(reason, "add `| default(…)` or `| omit`", name=name))

    def error(self, fault: Fault) -> TemplateError:
        return TemplateError([Problem(*self.place, fault.reason, fault.hint)], fault.name)


class Literal:
    """A JSON value as written."""

    __slots__ = ("cost", "literal", "place")

    def __init__(self, literal: str | int | float | bool | None, place: tuple[int, int]) -> None:
        self.literal, self.place = literal, place
        self.cost = len(literal) if isinstance(literal, str) else 1

    def build(self, run: Run, path: Path) -> Json:
        run.spend(self.cost)
        if path is not None:
            run.sources[path] = Source(*self.place, frozenset(), kind_of(self.literal), True)
        return self.literal


class Placed:
    """A placeholder that is a whole value."""

    __slots__ = ("spot",)

    def __init__(self, spot: Spot) -> None:
        self.spot = spot

    def build(self, run: Run, path: Path) -> Any:
        if path is not None:
            run.took_default = False
        value = self.spot.get(run)
        if type(value) is list:
            run.spend(sum(len(item) for item in value if type(item) is str))
            value = value.copy()
        if path is not None and value is not OMITTED:
            note(run, path, value, self.spot)
        return value


def note(run: Run, path: tuple[str | int, ...], value: Any, spot: Spot) -> None:
    """Note the source of a value and, if it is a list, of its items."""
    names = spot.expression.names
    run.sources[path] = Source(*spot.place, names, kind_of(value), False, run.took_default)
    if type(value) is list:
        for index, item in enumerate(value):
            run.sources[(*path, index)] = Source(*spot.place, names, kind_of(item), False, run.took_default)


def kind_of(value: object) -> str:
    if value is None:
        return "null"
    return "object" if type(value) is dict else KIND[type(value)]


class Text:
    """A JSON string with tags in it."""

    __slots__ = ("names", "parts", "place")

    def __init__(self, parts: Sequence[Part], place: tuple[int, int], names: frozenset[str]) -> None:
        self.parts, self.place, self.names = parts, place, names

    def build(self, run: Run, path: Path) -> Any:
        if path is not None:
            run.took_default = False
        out: list[str] = []
        for part in self.parts:
            if not part.write(run, out, None):
                return OMITTED
        if path is not None:
            run.sources[path] = Source(*self.place, self.names, "text", False, run.took_default)
        return "".join(out)


class Fixed:
    """A piece of fixed text within a string."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def write(self, run: Run, out: list[str], path: Path) -> bool:
        run.spend(len(self.text))
        out.append(self.text)
        return True


class Hole:
    """A placeholder within a string."""

    __slots__ = ("spot",)

    def __init__(self, spot: Spot) -> None:
        self.spot = spot

    def write(self, run: Run, out: list[str], path: Path) -> bool:
        value = self.spot.get(run)
        if type(value) is str:
            out.append(value)
            return True
        if value is OMITTED:
            return False
        try:
            out.append(as_text(value))
        except Fault as fault:
            raise self.spot.error(fault) from None
        return True


class Member:
    """A name and its value."""

    __slots__ = ("name", "node", "place")

    def __init__(self, name: str, node: Node, place: tuple[int, int]) -> None:
        self.name, self.node, self.place = name, node, place

    def write(self, run: Run, out: dict[str, Any], path: Path) -> bool:
        value = self.node.build(run, None if path is None else (*path, self.name))
        if value is not OMITTED:
            out[self.name] = value
        return True


class Item:
    """A value in a list."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def write(self, run: Run, out: list[Any], path: Path) -> bool:
        value = self.node.build(run, None if path is None else (*path, len(out)))
        if value is not OMITTED:
            out.append(value)
        return True


class Body:
    """Parts in order, with the price of the names among them."""

    __slots__ = ("cost", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.cost = 1 + sum(1 + len(part.name) for part in parts if isinstance(part, Member))

    def write(self, run: Run, out: Any, path: Path) -> bool:
        run.spend(self.cost)
        return all(part.write(run, out, path) for part in self.parts)


class Container:
    """An object or a list."""

    __slots__ = ("body", "make", "place")

    def __init__(self, make: type[dict[str, Any]] | type[list[Any]], body: Body, place: tuple[int, int]) -> None:
        self.make, self.body, self.place = make, body, place

    def build(self, run: Run, path: Path) -> Any:
        out = self.make()
        run.spend(self.body.cost)
        for part in self.body.parts:
            part.write(run, out, path)
        if path:
            kind = "object" if self.make is dict else "list"
            run.sources[path] = Source(*self.place, frozenset(), kind, False)
        return out


class Choice:
    """`if` around members, items or text: the first branch whose condition holds."""

    __slots__ = ("branches",)

    def __init__(self, branches: Sequence[tuple[Spot | None, Body]]) -> None:
        self.branches = branches

    def write(self, run: Run, out: Any, path: Path) -> bool:
        for condition, body in self.branches:
            if condition is None or condition.value(run):
                return body.write(run, out, path)
        return True


class ValueChoice:
    """`if` around exactly one value, with its `else`."""

    __slots__ = ("branches",)

    def __init__(self, branches: Sequence[tuple[Spot | None, Node]]) -> None:
        self.branches = branches

    def build(self, run: Run, path: Path) -> Any:
        for condition, node in self.branches:
            if condition is None or condition.value(run):
                return node.build(run, path)
        raise AssertionError("the syntax demands an `else`")


class Loop:
    """`for` around items or text; its `else` where the list is empty or missing."""

    __slots__ = ("body", "depth", "otherwise", "whole")

    def __init__(self, whole: Spot, depth: int, body: Body, otherwise: Body) -> None:
        self.whole, self.depth, self.body, self.otherwise = whole, depth, body, otherwise

    def write(self, run: Run, out: Any, path: Path) -> bool:
        items = self.whole.value(run)
        if items is not None and type(items) is not list:
            raise self.whole.error(Fault("a loop runs over a list, and this is none"))
        if not items:
            return self.otherwise.write(run, out, path)
        depth = self.depth
        run.lengths[depth] = len(items)
        try:
            for run.indexes[depth], run.items[depth] in enumerate(items):
                if not self.body.write(run, out, path):
                    return False
        except Fault as fault:
            raise self.whole.error(fault) from None
        return True
