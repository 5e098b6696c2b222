"""What an object, a list or a text is made of: members, items, pieces of text, and blocks around these.

Rule: a part adds to what is being built and to nothing else. What is left out by `omit` is never added.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from .expressions import Run
from .problems import Fault
from .spots import OMITTED, Path, Spot
from .values import as_text


class Node(Protocol):
    """What gives one JSON value, or OMITTED."""

    def build(self, run: Run, path: Path) -> Any: ...


class Part(Protocol):
    """What adds to an object, a list or a text; False where the text is to be left out."""

    def write(self, run: Run, out: Any, path: Path) -> bool: ...


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
        self.cost = 2 + sum(1 + len(part.name) for part in parts if isinstance(part, Member))

    def write(self, run: Run, out: Any, path: Path) -> bool:
        run.spend(self.cost)
        return all(part.write(run, out, path) for part in self.parts)


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
