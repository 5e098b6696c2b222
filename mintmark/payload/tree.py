"""What a checked template becomes: a tree of objects, lists, texts and values, which gives the claims.

Rule: claims are built, never parsed. A node gives one JSON value, or OMITTED; a part adds to the object, list or text
around it and to nothing else. Whatever goes wrong is told with its place, and never with the value. With a `path`
(of the claim being built) each value also notes its source; without one nothing of that is paid for.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from .context import Run, Source
from .expressions import Expression, culprit
from .problems import Fault, Problem, TemplateError
from .values import STEPS_PER_ACT, TYPE, Value, as_text, size

Path = tuple[str | int, ...] | None
Place = tuple[int, int]
OMITTED: Final[Any] = object()


class Spot:
    """An expression at its place: a placeholder, a condition or the list of a loop."""

    __slots__ = ("expression", "omits", "place", "price")

    def __init__(self, expression: Expression, place: Place, *, omits: bool = False) -> None:
        self.expression, self.place, self.omits = expression, place, omits
        self.price = STEPS_PER_ACT + expression.parts - 1

    def value(self, run: Run) -> Value:
        """Give the value or None, and pay for it."""
        try:
            value = self.expression.value(run)
            run.spend(self.price + size(value))
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
        run.steps = 0
        try:
            name = culprit(self.expression, run)
        except Fault:
            name = None
        reason = f"`{name}` is missing" if name else "this gives no value: nothing in it holds"
        raise self.error(Fault(reason, "add `| default(…)` or `| omit`", name=name))

    def error(self, fault: Fault) -> TemplateError:
        return TemplateError([Problem(*self.place, fault.reason, fault.hint)], fault.name)


class Literal:
    """A JSON value as written."""

    def __init__(self, literal: str | int | float | bool | None, place: Place) -> None:
        self.literal, self.place = literal, place
        self.cost = len(literal) if isinstance(literal, str) else 1

    def build(self, run: Run, path: Path) -> Any:
        run.spend(self.cost)
        if path is not None:
            run.sources[path] = Source(*self.place, frozenset(), TYPE[type(self.literal)], True)
        return self.literal


class Placed:
    """A placeholder that is a whole value."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot

    def build(self, run: Run, path: Path) -> Any:
        run.took_default = False
        value = self.spot.get(run)
        if type(value) is list:
            run.spend(sum(len(item) for item in value if type(item) is str))
            value = value.copy()
        if path is not None and value is not OMITTED:
            self._note(run, path, value)
        return value

    def _note(self, run: Run, path: tuple[str | int, ...], value: Any) -> None:
        """Note the source of a value and, if it is a list, of its items."""
        place, names = self.spot.place, self.spot.expression.facts.names
        run.sources[path] = Source(*place, names, TYPE[type(value)], False, run.took_default)
        for index, item in enumerate(value if type(value) is list else ()):
            run.sources[(*path, index)] = Source(*place, names, TYPE[type(item)], False, run.took_default)


class Text:
    """A JSON string with tags in it."""

    def __init__(self, body: "Body", place: Place, names: frozenset[str]) -> None:
        self.body, self.place, self.names = body, place, names

    def build(self, run: Run, path: Path) -> Any:
        run.took_default = False
        out: list[str] = []
        if not self.body.write(run, out, None):
            return OMITTED
        if path is not None:
            run.sources[path] = Source(*self.place, self.names, "text", False, run.took_default)
        return "".join(out)


class Container:
    """An object or a list."""

    def __init__(self, make: type[dict[str, Any]] | type[list[Any]], body: "Body", place: Place) -> None:
        self.make, self.body, self.place = make, body, place

    def build(self, run: Run, path: Path) -> Any:
        out = self.make()
        self.body.write(run, out, path)
        if path:
            run.sources[path] = Source(*self.place, frozenset(), TYPE[self.make], False)
        return out


# Parts: `write` gives False where the text is to be left out; `cost` is the price of what is fixed


class Fixed:
    """A piece of fixed text within a string."""

    def __init__(self, text: str) -> None:
        self.text, self.cost = text, len(text)

    def write(self, run: Run, out: list[str], path: Path) -> bool:
        out.append(self.text)
        return True


class Hole:
    """A placeholder within a string."""

    cost = 0

    def __init__(self, spot: Spot) -> None:
        self.spot = spot

    def write(self, run: Run, out: list[str], path: Path) -> bool:
        value = self.spot.get(run)
        if value is OMITTED:
            return False
        try:
            out.append(value if type(value) is str else as_text(value))
        except Fault as fault:
            raise self.spot.error(fault) from None
        return True


class Member:
    """A name and its value; `rule` says what is wrong with the value of a registered claim."""

    def __init__(self, name: str, node: "Node", place: Place, rule: Callable[[Any], str] | None = None) -> None:
        self.name, self.node, self.place, self.rule = name, node, place, rule
        self.cost = 1 + len(name)

    def write(self, run: Run, out: dict[str, Any], path: Path) -> bool:
        value = self.node.build(run, None if path is None else (*path, self.name))
        if value is not OMITTED:
            if self.rule and (reason := self.rule(value)):
                raise TemplateError([Problem(*self.place, reason)])
            out[self.name] = value
        return True


class Item:
    """A value in a list."""

    cost = 1

    def __init__(self, node: "Node") -> None:
        self.node = node

    def write(self, run: Run, out: list[Any], path: Path) -> bool:
        value = self.node.build(run, None if path is None else (*path, len(out)))
        if value is not OMITTED:
            out.append(value)
        return True


class Body:
    """Parts in order, and the price of what is fixed among them."""

    def __init__(self, parts: Sequence["Part"]) -> None:
        self.parts = parts
        self.cost = 2 + sum(part.cost for part in parts)

    def write(self, run: Run, out: Any, path: Path) -> bool:
        run.spend(self.cost)
        for part in self.parts:
            if not part.write(run, out, path):
                return False
        return True


class Choice:
    """`if`: the first branch whose condition holds; a part around bodies, or a node around values."""

    cost = 0

    def __init__(self, branches: Sequence[tuple[Spot | None, Any]]) -> None:
        self.branches = branches

    def _taken(self, run: Run) -> Any:
        return next((branch for spot, branch in self.branches if spot is None or spot.value(run)), None)

    def write(self, run: Run, out: Any, path: Path) -> bool:
        body: Body | None = self._taken(run)
        return body is None or body.write(run, out, path)

    def build(self, run: Run, path: Path) -> Any:
        return self._taken(run).build(run, path)


class Loop:
    """`for` around items or text; its other branch where the list is empty or missing."""

    cost = 0

    def __init__(self, branches: Sequence[tuple[Spot | None, Any]], whole: Spot, depth: int) -> None:
        self.branches, self.whole, self.depth = branches, whole, depth

    def write(self, run: Run, out: Any, path: Path) -> bool:
        items, depth = self.whole.value(run), self.depth
        if items is not None and type(items) is not list:
            raise self.whole.error(Fault("a loop runs over a list, and this is none"))
        if not items:
            return all(body.write(run, out, path) for _, body in self.branches[1:])
        body = self.branches[0][1]
        run.lengths[depth] = len(items)
        try:
            for run.indexes[depth], run.items[depth] in enumerate(items):
                if not body.write(run, out, path):
                    return False
        except Fault as fault:
            raise self.whole.error(fault) from None
        return True


Node: TypeAlias = Literal | Placed | Text | Container | Choice
Part: TypeAlias = Fixed | Hole | Member | Item | Choice | Loop
