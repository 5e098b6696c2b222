"""The operators: `~`, `and`, `or`, `not`, `if else`, `is defined`, comparisons.

Rule: types differ, values differ; with a missing operand `!=`, `not in` and `not` are true, `~` is missing,
and every other comparison is false.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .expressions import NO_KINDS, Expression, Run
from .limits import MAX_TEXT, STEPS_PER_ACT
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
    is_in,
    size,
)

_BOOLEANS: Kinds = frozenset({BOOLEAN})


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
