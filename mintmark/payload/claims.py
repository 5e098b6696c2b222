"""What is known of each claim before anybody is there: its types, its literal, the names that it uses.

Rule: what is certainly wrong with a registered claim is said at save; what only may be, at issue.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import tree
from .expressions import NO_KINDS, Literal, Run
from .problems import Problem, TemplateError
from .values import LIST, TEXT, Json, Kinds

NOT_FIXED: Final[Any] = object()
_REGISTERED = frozenset({"iss", "sub", "aud"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One top-level claim, over all branches that give it.

    `types` are of text, number, boolean, list, object, null; `items` those of its items where it may be a list.
    `literal` is its value where that is the same for everybody who gets the claim at all, else NOT_FIXED. `names` are
    the dotted names used anywhere in it, also in the conditions around and within it. `is_certain` says that every
    token has it; else it may be left out, by a condition or by `omit`. `line` and `column` are of its first name.
    """

    types: Kinds
    items: Kinds
    literal: Any
    names: frozenset[str]
    is_certain: bool
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one node."""

    types: Kinds
    items: Kinds = NO_KINDS
    literal: Any = NOT_FIXED
    names: frozenset[str] = frozenset()
    may_be_omitted: bool = False


def facts(node: Any) -> Facts:
    """Gather what is known of a value before anybody is there."""
    match node:
        case tree.Literal():
            return Facts(frozenset({tree.kind_of(node.literal)}), literal=node.literal)
        case tree.Text():
            return Facts(frozenset({TEXT}), names=node.names, may_be_omitted=any(map(_may_be_omitted, node.parts)))
        case tree.Placed():
            made = node.spot.expression
            literal = made.literal if isinstance(made, Literal) else NOT_FIXED
            return Facts(made.kinds, made.items, literal, made.names, node.spot.omits)
        case tree.ValueChoice():
            return _either([spot for spot, _ in node.branches], [facts(value) for _, value in node.branches])
        case Registered():
            return facts(node.node)
        case tree.Container():
            return _of_container(node)
    raise AssertionError(f"no facts about {type(node).__name__}")


def _either(conditions: Iterable[tree.Spot | None], ways: Sequence[Facts]) -> Facts:
    """Join the facts of several ways to one value."""
    names = _union(spot.expression.names for spot in conditions if spot)
    literal = ways[0].literal
    if any(way.literal is NOT_FIXED or not _is_same(way.literal, literal) for way in ways):
        literal = NOT_FIXED
    return Facts(
        _union(way.types for way in ways),
        _union(way.items for way in ways),
        literal,
        names | _union(way.names for way in ways),
        any(way.may_be_omitted for way in ways),
    )


def _of_container(node: tree.Container) -> Facts:
    kind = LIST if node.make is list else "object"
    within = [facts(part.node) for part in walk(node.body.parts) if isinstance(part, tree.Item | tree.Member)]
    names = _union(one.names for one in within) | _union(
        spot.expression.names for part in walk(node.body.parts) for spot in _conditions(part)
    )
    items = _union(one.types for one in within) if kind == LIST else NO_KINDS
    return Facts(frozenset({kind}), items, _fixed(node, within), names)


def _fixed(node: tree.Container, within: Sequence[Facts]) -> Any:
    """Give the value of an object or list that is the same for everybody, else NOT_FIXED."""
    parts = node.body.parts
    if any(one.literal is NOT_FIXED or one.may_be_omitted for one in within):
        return NOT_FIXED
    if all(isinstance(part, tree.Item) for part in parts) and node.make is list:
        return [one.literal for one in within]
    if all(isinstance(part, tree.Member) for part in parts):
        return {part.name: one.literal for part, one in zip(parts, within, strict=True)}  # type: ignore[attr-defined]
    return NOT_FIXED


def walk(parts: Iterable[Any]) -> Iterator[Any]:
    """Go through parts and, after each block, the parts of its branches."""
    for part in parts:
        yield part
        if isinstance(part, tree.Choice):
            for _, body in part.branches:
                yield from walk(body.parts)
        elif isinstance(part, tree.Loop):
            yield from walk((*part.body.parts, *part.otherwise.parts))


def _conditions(part: Any) -> list[tree.Spot]:
    if isinstance(part, tree.Choice):
        return [spot for spot, _ in part.branches if spot]
    return [part.whole] if isinstance(part, tree.Loop) else []


def _may_be_omitted(part: Any) -> bool:
    return any(isinstance(one, tree.Hole) and one.spot.omits for one in walk([part]))


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _is_same(left: Json, right: Json) -> bool:
    """Compare two literals, in which true is not 1, at any depth."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_is_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_same(left[name], right[name]) for name in left)
    return left == right and (type(left) is bool) is (type(right) is bool)


def of(root: tree.Container) -> dict[str, Claim]:
    """Say what is known of each top-level claim, in the order of the template."""
    ways: dict[str, list[tuple[tree.Member, frozenset[str]]]] = {}
    for member, names in _members(root.body.parts, frozenset()):
        ways.setdefault(member.name, []).append((member, names))
    certain = _certain(root.body.parts)
    claims = {}
    for name, found in ways.items():
        known = _either([], [facts(member.node) for member, _ in found])
        names = known.names | _union(names for _, names in found)
        claims[name] = Claim(
            known.types, known.items, known.literal, names, name in certain, *found[0][0].place
        )
    return claims


def _members(parts: Iterable[Any], names: frozenset[str]) -> Iterator[tuple[tree.Member, frozenset[str]]]:
    """Go through the members of the outermost object, each with the names in the conditions around it."""
    for part in parts:
        if isinstance(part, tree.Member):
            yield part, names
        else:
            around = names | _union(spot.expression.names for spot in _conditions(part))
            for _, body in part.branches:
                yield from _members(body.parts, around)


def _certain(parts: Iterable[Any]) -> frozenset[str]:
    """Name the members that are there whichever way is taken."""
    certain: set[str] = set()
    for part in parts:
        if isinstance(part, tree.Member):
            if not facts(part.node).may_be_omitted:
                certain.add(part.name)
        elif part.branches[-1][0] is None:
            certain |= frozenset.intersection(*(_certain(body.parts) for _, body in part.branches))
    return frozenset(certain)


# iss, sub and aud


class Registered:
    """The value of `iss`, `sub` or `aud`, looked at once more when it is there."""

    __slots__ = ("name", "node", "place")

    def __init__(self, member: tree.Member) -> None:
        self.name, self.node, self.place = member.name, member.node, member.place

    def build(self, run: Run, path: tree.Path) -> Any:
        value = self.node.build(run, path)
        if value is not tree.OMITTED and (reason := _why_not(self.name, value)):
            raise TemplateError([Problem(*self.place, reason)])
        return value


def _why_not(name: str, value: Any) -> str:
    """Say why a value cannot be that of `iss`, `sub` or `aud` (RFC 7519 §4.1), or nothing."""
    if name == "aud" and type(value) is list:
        if not value or not all(type(one) is str and one for one in value):
            return "`aud` is a text or a list of texts, none of them empty"
        return ""
    if type(value) is not str:
        return "`aud` is a text or a list of texts" if name == "aud" else f"`{name}` is a text"
    return "" if value else f"`{name}` cannot be empty"


def guard(members: Iterable[tree.Member]) -> Iterator[Problem]:
    """Find what is certainly wrong with `iss`, `sub`, `aud`; what is not certain is looked at when it is there."""
    for member in members:
        if member.name not in _REGISTERED:
            continue
        known = facts(member.node)
        right = {TEXT, LIST} if member.name == "aud" else {TEXT}
        if known.literal is not NOT_FIXED:
            reason = _why_not(member.name, known.literal)
        elif known.types and not known.types & right:
            reason = _why_not(member.name, None)
        elif known.types == {LIST} and known.items and TEXT not in known.items:
            reason = _why_not(member.name, [None])
        else:
            reason = ""
        if reason:
            yield Problem(*member.place, reason)
        elif known.literal is NOT_FIXED:
            member.node = Registered(member)
