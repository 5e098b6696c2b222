"""The expressions of the language: what each gives in a render, and what is known of it before.

Rule: an expression reads declared values and makes bounded ones; it calls nothing that a template names. Missing is
None: with it `!=`, `not in` and `not` are true, other comparisons false, and it passes through all the rest but
`default`. What can never fit is refused where the expression is made, what may fit is looked at once it is there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .context import LOOP, UNREAD, Run
from .filters import ITEM, Filter
from .problems import Fault
from .values import (
    BOOLEAN,
    COMPARISONS,
    LIST,
    NOTHING,
    STEPS_PER_ACT,
    TEXT,
    TYPE,
    Facts,
    Types,
    Value,
    as_text,
    check_length,
    either,
    facts_of,
    size,
    union,
)

LOOP_FIELDS = {declared.name: declared.type for declared in LOOP}
_ROUND: dict[str, Callable[[int, int], Value]] = {
    "loop.first": lambda index, length: index == 0,
    "loop.last": lambda index, length: index + 1 == length,
    "loop.index": lambda index, length: index + 1,
    "loop.index0": lambda index, length: index,
    "loop.length": lambda index, length: length,
}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """What a tag says.

    `value` gives its value, or None where it is missing; then `culprits` are the parts that may be to blame, and
    if none of these is missing, it is the expression itself, by its `spelling`. `parts` counts them all.
    """

    value: Callable[[Run], Value]
    facts: Facts
    parts: int = 1
    culprits: Callable[[Run], Sequence["Expression"]] = lambda run: ()
    spelling: str = ""


def culprit(expression: Expression, run: Run) -> str | None:
    """Name what was missing, once the value of an expression was None."""
    for part in expression.culprits(run):
        if part.value(run) is None:
            return culprit(part, run)
    return expression.spelling or None


def _made(
    value: Callable[[Run], Value], facts: Facts, operands: Sequence[Expression], spelling: str = ""
) -> Expression:
    """Make an expression of operands, any of which may be to blame where it is missing."""
    names = union(one.facts.names for one in operands)
    known = Facts(facts.types, facts.items, facts.literal, names)
    return Expression(value, known, 1 + sum(one.parts for one in operands), lambda run: operands, spelling)


def _facts(type: str, items: Types = NOTHING) -> Facts:
    return Facts(frozenset({type}), items)


def either_of(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))


# What has no operands


def literal(value: Value) -> Expression:
    return Expression(lambda run: value, facts_of(value))


def name(dotted: str, type: str, slot: int) -> Expression:
    """A declared name; read and checked once in a render, at its first use."""
    path = tuple(dotted.split("."))

    def value(run: Run) -> Value:
        found: Value = run.values[slot]
        return run.read(slot, path, type) if found is UNREAD else found

    items = frozenset({TEXT}) if type == LIST else NOTHING
    return Expression(value, Facts(frozenset({type}), items, names=frozenset({dotted})), spelling=dotted)


def loop_item(depth: int, whole: Facts) -> Expression:
    """The name of a loop: the item of this round."""
    return Expression(lambda run: run.items[depth], Facts(whole.items, names=whole.names))


def loop_field(depth: int, dotted: str) -> Expression:
    field = _ROUND[dotted]
    return Expression(lambda run: field(run.indexes[depth], run.lengths[depth]), _facts(LOOP_FIELDS[dotted]))


# Operators


def item(whole: Expression, index: int) -> Expression:
    """`list[0]`; out of range is missing."""
    if whole.facts.types and LIST not in whole.facts.types:
        raise Fault(f"only a list has items, and this is a {either_of(whole.facts.types)}")

    def value(run: Run) -> Value:
        items = whole.value(run)
        if items is None:
            return None
        if type(items) is not list:
            raise Fault("only a list has items")
        return items[index] if index < len(items) else None

    return _made(value, Facts(whole.facts.items), [whole], whole.spelling and f"{whole.spelling}[{index}]")


def concat(operands: Sequence[Expression]) -> Expression:
    """`a ~ b ~ c`, as text."""
    if any(one.facts.types == {LIST} for one in operands):
        raise Fault("a list cannot stand inside text", "use `join`")

    def value(run: Run) -> Value:
        pieces, length = [], 0
        for operand in operands:
            given = operand.value(run)
            if given is None:
                return None
            pieces.append(as_text(given))
            length += len(pieces[-1])
            check_length(length)
        run.spend(length)
        return "".join(pieces)

    return _made(value, _facts(TEXT), operands)


def first_that(operands: Sequence[Expression], *, is_or: bool) -> Expression:
    """`a and b and …`, `a or b or …`: the operand that decides."""

    def value(run: Run) -> Value:
        given: Value = None
        for operand in operands:
            given = operand.value(run)
            if bool(given) is is_or:
                break
        return given

    return _made(value, either([one.facts for one in operands]), operands)


def negation(operand: Expression) -> Expression:
    return _made(lambda run: not operand.value(run), _facts(BOOLEAN), [operand])


def is_defined(operand: Expression, *, wanted: bool) -> Expression:
    return _made(lambda run: (operand.value(run) is not None) is wanted, _facts(BOOLEAN), [operand])


def conditional(test: Expression, then: Expression, otherwise: Expression | None) -> Expression:
    """`x if c else y`; without `else` it is missing where the condition fails."""
    ways = [then, otherwise] if otherwise else [then]

    def value(run: Run) -> Value:
        way = then if test.value(run) else otherwise
        return None if way is None else way.value(run)

    def culprits(run: Run) -> list[Expression]:
        return [then] if test.value(run) else ways[1:]

    known = either([way.facts for way in ways], test.facts.names)
    return Expression(value, known, 1 + test.parts + sum(way.parts for way in ways), culprits)


def comparison(sign: str, left: Expression, right: Expression) -> Expression:
    act, fits = COMPARISONS[sign]
    when_missing = sign in ("!=", "not in")
    pairs = [(one, other) for one in left.facts.types for other in right.facts.types]
    if fits and pairs and not any(fits(*pair) for pair in pairs):
        raise Fault(f"`{sign}` does not take a {either_of(left.facts.types)} and a {either_of(right.facts.types)}")

    def value(run: Run) -> Value:
        one, other = left.value(run), right.value(run)
        if one is None or other is None:
            return when_missing
        run.spend(STEPS_PER_ACT + size(one) + size(other))
        if fits and not fits(TYPE[type(one)], TYPE[type(other)]):
            raise Fault(f"`{sign}` does not take a {TYPE[type(one)]} and a {TYPE[type(other)]}")
        return act(one, other)

    return _made(value, _facts(BOOLEAN), [left, right])


# Filters


def default(operand: Expression, fallback: Expression) -> Expression:
    def value(run: Run) -> Value:
        given = operand.value(run)
        run.spend(STEPS_PER_ACT + size(given))
        if given is None:
            run.took_default = True
            given = fallback.value(run)
        return given

    both = [operand, fallback]
    return _made(value, either([one.facts for one in both]), both, operand.spelling)


def filtered(operand: Expression, row: Filter, arguments: Sequence[Value]) -> Expression:
    """`x | upper` and all the other filters that work on a value that is there."""
    known = operand.facts
    if known.types and not known.types & row.takes:
        raise Fault(f"`{row.name}` does not take a {either_of(known.types)}")
    filter_name, takes, work = row.name, row.takes, row.work

    def value(run: Run) -> Value:
        given = operand.value(run)
        if given is None:
            return None
        run.spend(STEPS_PER_ACT + size(given))
        if TYPE[type(given)] not in takes:
            raise Fault(f"`{filter_name}` does not take a {TYPE[type(given)]}")
        result = work(given, *arguments)
        if type(result) is str:
            check_length(len(result))
        return result

    gives = (
        Facts(known.items) if row.gives == ITEM else _facts(row.gives, known.items if row.gives == LIST else NOTHING)
    )
    return _made(value, gives, [operand], operand.spelling and f"{operand.spelling} | {filter_name}")
