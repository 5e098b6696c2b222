"""The expressions of the language: small objects that give a value for one render.

Rule: an expression reads declared values and makes bounded ones; it calls nothing that a template names.
Missing is None, and passes through everything but `default`, conditions and comparisons.
"""

from collections.abc import Sequence
from typing import Any, Final

from .context import read
from .filters import ITEM, Filter
from .limits import MAX_STEPS, STEPS_PER_ACT
from .problems import Fault
from .values import KIND, LIST, TEXT, Kinds, Value, bounded_text, size

UNREAD: Final[Any] = object()
NO_KINDS: Kinds = frozenset()


class Run:
    """One render: the context, what was read of it, the loops it stands in, the steps it has done."""

    __slots__ = ("context", "indexes", "items", "lengths", "sources", "steps", "took_default", "values")

    def __init__(self, context: object, names: int, sources: dict[Any, Any]) -> None:
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


class Expression:
    """What all expressions share: the types of value and items, the names used, the number of parts."""

    __slots__ = ("items", "kinds", "names", "parts")

    def __init__(self, kinds: Kinds, items: Kinds = NO_KINDS, parts: Sequence["Expression"] = ()) -> None:
        self.kinds, self.items = kinds, items
        self.names: frozenset[str] = frozenset().union(*(part.names for part in parts))
        self.parts: int = 1 + sum(part.parts for part in parts)

    def value(self, run: Run) -> Value:
        """Give the value, or None where it is missing."""
        raise NotImplementedError

    def culprit(self, run: Run) -> str | None:
        """Name what was missing, once `value` has given None."""
        return None


class Literal(Expression):
    __slots__ = ("literal",)

    def __init__(self, literal: Value) -> None:
        items = frozenset(KIND[type(item)] for item in literal) if isinstance(literal, list) else NO_KINDS
        super().__init__(frozenset({KIND[type(literal)]}), items)
        self.literal = literal

    def value(self, run: Run) -> Value:
        return self.literal


class Name(Expression):
    """A declared name; read and checked once in a render, at its first use."""

    __slots__ = ("kind", "name", "path", "slot")

    def __init__(self, name: str, kind: str, slot: int) -> None:
        super().__init__(frozenset({kind}), frozenset({TEXT}) if kind == LIST else NO_KINDS)
        self.name, self.kind, self.slot = name, kind, slot
        self.path = tuple(name.split("."))
        self.names = frozenset({name})

    def value(self, run: Run) -> Value:
        value: Value = run.values[self.slot]
        if value is UNREAD:
            value = run.values[self.slot] = read(run.context, self.path, self.kind)
        return value

    def culprit(self, run: Run) -> str | None:
        return self.name


class LoopItem(Expression):
    """The name of a loop: the item of this round."""

    __slots__ = ("depth",)

    def __init__(self, depth: int, kinds: Kinds, names: frozenset[str]) -> None:
        super().__init__(kinds)
        self.depth, self.names = depth, names

    def value(self, run: Run) -> Value:
        return run.items[self.depth]


class LoopField(Expression):
    __slots__ = ("depth", "field")

    def __init__(self, depth: int, field: str, kind: str) -> None:
        super().__init__(frozenset({kind}))
        self.depth, self.field = depth, field

    def value(self, run: Run) -> Value:
        index, length = run.indexes[self.depth], run.lengths[self.depth]
        if self.field == "length":
            return length
        if self.field == "first":
            return index == 0
        if self.field == "last":
            return index + 1 == length
        return index + 1 if self.field == "index" else index


class Item(Expression):
    """`list[0]`; out of range is missing."""

    __slots__ = ("index", "operand")

    def __init__(self, operand: Expression, index: int) -> None:
        super().__init__(operand.items, NO_KINDS, [operand])
        self.operand, self.index = operand, index

    def value(self, run: Run) -> Value:
        whole = self.operand.value(run)
        if whole is None:
            return None
        if type(whole) is not list:
            raise Fault("only a list has items")
        return whole[self.index] if self.index < len(whole) else None

    def culprit(self, run: Run) -> str | None:
        name = self.operand.culprit(run)
        return name if name is None or self.operand.value(run) is None else f"{name}[{self.index}]"


class Default(Expression):
    __slots__ = ("fallback", "operand")

    def __init__(self, operand: Expression, fallback: Expression) -> None:
        super().__init__(operand.kinds | fallback.kinds, operand.items | fallback.items, [operand, fallback])
        self.operand, self.fallback = operand, fallback

    def value(self, run: Run) -> Value:
        value = self.operand.value(run)
        run.spend(STEPS_PER_ACT + size(value))
        if value is None:
            run.took_default = True
            value = self.fallback.value(run)
        return value

    def culprit(self, run: Run) -> str | None:
        return self.operand.culprit(run)


class Filtered(Expression):
    """`x | upper` and all the other filters that work on a value."""

    __slots__ = ("arguments", "filter", "operand")

    def __init__(self, operand: Expression, row: Filter, arguments: Sequence[Value]) -> None:
        gives = operand.items if row.gives == ITEM else frozenset({row.gives})
        super().__init__(gives, operand.items if row.gives == LIST else NO_KINDS, [operand])
        self.operand, self.filter, self.arguments = operand, row, arguments

    def value(self, run: Run) -> Value:
        value = self.operand.value(run)
        if value is None:
            return None
        row = self.filter
        run.spend(STEPS_PER_ACT + size(value))
        if KIND[type(value)] not in row.takes:
            raise Fault(f"`{row.name}` does not take a {KIND[type(value)]}")
        result = row.work(value, *self.arguments)
        return bounded_text(result) if type(result) is str else result

    def culprit(self, run: Run) -> str | None:
        name = self.operand.culprit(run)
        return name if self.operand.value(run) is None else f"{name} | {self.filter.name}" if name else None
