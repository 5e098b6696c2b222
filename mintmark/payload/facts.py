"""What is known of a value before anybody is there: its types, its literal, the names that it uses.

Rule: what is said here holds for everybody; where branches differ, it is all that they may give.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .expressions import NO_KINDS
from .expressions import Literal as FixedExpression
from .parts import Choice, Hole, Item, Loop, Member
from .spots import Spot, kind_of
from .tree import Container, Literal, Placed, Text, ValueChoice
from .values import LIST, TEXT, Json, Kinds

NOT_FIXED: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one value; `types` are the language's, and object and null."""

    types: Kinds
    items: Kinds = NO_KINDS
    literal: Any = NOT_FIXED
    names: frozenset[str] = frozenset()
    may_be_omitted: bool = False


def facts(node: Any) -> Facts:
    """Gather what is known of a value."""
    match node:
        case Literal():
            return Facts(frozenset({kind_of(node.literal)}), literal=node.literal)
        case Text():
            omits = any(isinstance(part, Hole) and part.spot.omits for part in walk(node.parts))
            return Facts(frozenset({TEXT}), names=node.names, may_be_omitted=omits)
        case Placed():
            made = node.spot.expression
            literal = made.literal if isinstance(made, FixedExpression) else NOT_FIXED
            return Facts(made.kinds, made.items, literal, made.names, node.spot.omits)
        case ValueChoice():
            names = union(spot.expression.names for spot, _ in node.branches if spot)
            return either([facts(value) for _, value in node.branches], names)
        case Container():
            return _of_container(node)
    raise AssertionError(f"no facts about {type(node).__name__}")


def either(ways: Sequence[Facts], names: frozenset[str]) -> Facts:
    """Join the facts of several ways to one value, and the names that decide between them."""
    literal = ways[0].literal
    if any(way.literal is NOT_FIXED or not _is_same(way.literal, literal) for way in ways):
        literal = NOT_FIXED
    return Facts(
        union(way.types for way in ways),
        union(way.items for way in ways),
        literal,
        names | union(way.names for way in ways),
        any(way.may_be_omitted for way in ways),
    )


def _of_container(node: Container) -> Facts:
    kind = LIST if node.make is list else "object"
    parts = list(walk(node.body.parts))
    within = [facts(part.node) for part in parts if isinstance(part, Item | Member)]
    names = [one.names for one in within if one.names]
    names += [spot.expression.names for part in parts for spot in conditions(part)]
    items = union(one.types for one in within) if kind == LIST else NO_KINDS
    return Facts(frozenset({kind}), items, _fixed(node, within), union(names))


def _fixed(node: Container, within: Sequence[Facts]) -> Any:
    """Give the value of an object or list that is the same for everybody, else NOT_FIXED."""
    parts = node.body.parts
    if any(one.literal is NOT_FIXED or one.may_be_omitted for one in within):
        return NOT_FIXED
    if not all(isinstance(part, Item | Member) for part in parts):
        return NOT_FIXED
    values = [one.literal for one in within]
    if node.make is list:
        return values
    return dict(zip((part.name for part in parts if isinstance(part, Member)), values, strict=True))


def walk(parts: Iterable[Any]) -> Iterator[Any]:
    """Go through parts and, after each block, the parts of its branches."""
    for part in parts:
        yield part
        if isinstance(part, Choice):
            for _, body in part.branches:
                yield from walk(body.parts)
        elif isinstance(part, Loop):
            yield from walk((*part.body.parts, *part.otherwise.parts))


def conditions(part: Any) -> list[Spot]:
    """Give what decides in a block: its conditions, or the list of a loop."""
    if isinstance(part, Choice):
        return [spot for spot, _ in part.branches if spot]
    return [part.whole] if isinstance(part, Loop) else []


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Join sets of names or types, however many."""
    return frozenset().union(*sets)


def _is_same(left: Json, right: Json) -> bool:
    """Compare two literals, in which true is not 1, at any depth."""
    if left is right:
        return True
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_is_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_same(left[name], right[name]) for name in left)
    return left == right and (type(left) is bool) is (type(right) is bool)
