"""The expressions of the language: small objects that give a value for one render.

Rule: an expression reads declared values and makes bounded ones; it calls nothing that a template names. Missing is
None, and passes through everything but `default`, conditions and comparisons.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from .context import read
from .filters import ITEM, Filter
from .limits import MAX_STEPS, MAX_TEXT, STEPS_PER_ACT
from .problems import Fault
from .values import (
    BOOLEAN,
    KIND,
    LIST,
    NUMBER,
    SCALARS,
    TEXT,
    Kinds,
    Value,
    are_equal,
    as_text,
    bounded,
    is_in,
    size,
)

UNREAD: Final[Any] = object()
NO_KINDS: Kinds = frozenset()
_BOOLEANS: Kinds = frozenset({BOOLEAN})


class Run:
    """One render: the context, what was read of it, the loops it stands in, the steps it has done."""

    __slots__ = ("context", "indexes", "items", "lengths", "sources", "steps", "took_default", "values")

    def __init__(self, context: object, names: int, sources: dict[Any, Any] | None) -> None:
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
    """What all expressions share: the types it may give, of its items too, the names used, its number of parts."""

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

    def __init__(self, depth: int, kinds: Kinds) -> None:
        super().__init__(kinds)
        self.depth = depth

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


class Concat(Expression):
    """`a ~ b ~ c`, as text; missing where one of them is."""

    __slots__ = ("operands",)

    def __init__(self, operands: Sequence[Expression]) -> None:
        super().__init__(frozenset({TEXT}), NO_KINDS, operands)
        self.operands = operands

    def value(self, run: Run) -> Value:
        pieces, length = [], 0
        for operand in self.operands:
            value = operand.value(run)
            if value is None:
                return None
            pieces.append(as_text(value))
            length += len(pieces[-1])
            if length > MAX_TEXT:
                raise Fault(f"a text on the way is longer than {MAX_TEXT:,} characters")
        run.spend(length)
        return "".join(pieces)

    def culprit(self, run: Run) -> str | None:
        return next((one.culprit(run) for one in self.operands if one.value(run) is None), None)


class FirstThat(Expression):
    """`a and b and …`, `a or b or …`: the operand that decides."""

    __slots__ = ("is_or", "operands")

    def __init__(self, operands: Sequence[Expression], *, is_or: bool) -> None:
        kinds = frozenset().union(*(one.kinds for one in operands))
        super().__init__(kinds, frozenset().union(*(one.items for one in operands)), operands)
        self.operands, self.is_or = operands, is_or

    def value(self, run: Run) -> Value:
        value: Value = None
        for operand in self.operands:
            value = operand.value(run)
            if bool(value) is self.is_or:
                break
        return value

    def culprit(self, run: Run) -> str | None:
        return next((one.culprit(run) for one in self.operands if one.value(run) is None), None)


class Not(Expression):
    __slots__ = ("operand",)

    def __init__(self, operand: Expression) -> None:
        super().__init__(_BOOLEANS, NO_KINDS, [operand])
        self.operand = operand

    def value(self, run: Run) -> Value:
        return not self.operand.value(run)


class IsDefined(Expression):
    __slots__ = ("operand", "wanted")

    def __init__(self, operand: Expression, *, wanted: bool) -> None:
        super().__init__(_BOOLEANS, NO_KINDS, [operand])
        self.operand, self.wanted = operand, wanted

    def value(self, run: Run) -> Value:
        return (self.operand.value(run) is not None) is self.wanted


class Either(Expression):
    """`x if c else y`; without `else` it is missing where the condition fails."""

    __slots__ = ("otherwise", "test", "then")

    def __init__(self, test: Expression, then: Expression, otherwise: Expression | None) -> None:
        ways = [then] if otherwise is None else [then, otherwise]
        kinds = frozenset().union(*(way.kinds for way in ways))
        super().__init__(kinds, frozenset().union(*(way.items for way in ways)), [test, *ways])
        self.test, self.then, self.otherwise = test, then, otherwise

    def value(self, run: Run) -> Value:
        way = self.then if self.test.value(run) else self.otherwise
        return None if way is None else way.value(run)

    def culprit(self, run: Run) -> str | None:
        way = self.then if self.test.value(run) else self.otherwise
        return None if way is None else way.culprit(run)


class Compare(Expression):
    """`a == b` and its kin; with a missing one `!=` and `not in` are true and the rest false."""

    __slots__ = ("act", "left", "right", "when_missing")

    def __init__(self, sign: str, left: Expression, right: Expression) -> None:
        super().__init__(_BOOLEANS, NO_KINDS, [left, right])
        self.left, self.right, self.act = left, right, COMPARISONS[sign]
        self.when_missing = sign in ("!=", "not in")

    def value(self, run: Run) -> Value:
        left, right = self.left.value(run), self.right.value(run)
        if left is None or right is None:
            return self.when_missing
        run.spend(STEPS_PER_ACT + size(left) + size(right))
        return self.act(left, right)


def _order(sign: str, act: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def compare(left: Value, right: Value) -> bool:
        if may_be_ordered(KIND[type(left)], KIND[type(right)]):
            return act(left, right)
        raise Fault(f"`{sign}` compares two numbers or two texts")

    return compare


def may_be_ordered(left: str, right: str) -> bool:
    """Tell whether `<` takes these two types."""
    return left == right and left in (NUMBER, TEXT)


def may_be_in(item: str, whole: str) -> bool:
    """Tell whether `in` takes these two types."""
    return (whole == LIST and item in SCALARS) or item == whole == TEXT


COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "==": are_equal,
    "!=": lambda left, right: not are_equal(left, right),
    "<": _order("<", lambda left, right: left < right),
    "<=": _order("<=", lambda left, right: left <= right),
    ">": _order(">", lambda left, right: left > right),
    ">=": _order(">=", lambda left, right: left >= right),
    "in": is_in,
    "not in": lambda left, right: not is_in(left, right),
}


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
        return bounded(row.work(value, *self.arguments))

    def culprit(self, run: Run) -> str | None:
        name = self.operand.culprit(run)
        return name if self.operand.value(run) is None else f"{name} | {self.filter.name}" if name else None
