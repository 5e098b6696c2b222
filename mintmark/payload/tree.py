"""What a checked template becomes: a tree of objects, lists, texts and values, which gives the claims.

Rule: claims are built, never parsed. A value stands where its placeholder stood and can be nothing else
there. With a `path` (of the claim being built) each value also notes its source; without one nothing of
that is paid for.
"""

from collections.abc import Sequence
from typing import Any

from .expressions import Run
from .parts import Body, Node, Part
from .spots import OMITTED, Path, Source, Spot, kind_of, note
from .values import Json


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
