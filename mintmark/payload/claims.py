"""What is known of each top-level claim, and what RFC 7519 §4.1 asks of `iss`, `sub` and `aud`.

Rule: what is said of a claim holds for everybody; where branches differ, it is all that they may give. What is
certainly wrong with a registered claim is said at save; each token's is looked at once more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from .problems import Problem
from .tree import Choice, Container, Hole, Item, Literal, Loop, Member, Node, Part, Placed, Text
from .values import LIST, NOT_FIXED, NOTHING, TEXT, TYPE, Facts, Types, either, facts_of, union


@dataclass(frozen=True, slots=True)
class Claim:
    """One top-level claim, over all branches that give it.

    `types` are of text, number, boolean, list, object, null; `items` those of its items where it may be a
    list. `literal` is its value where that is the same for everybody who gets the claim at all, else
    NOT_FIXED. `names` are the dotted names used anywhere in it, also in the conditions around and within
    it. `is_certain` says that every token has it; else it may be left out, by a condition or by `omit`.
    `line` and `column` are of its first name. `members` is what is known of each, where it is an object in
    one place of the template and no other may come; else None.
    """

    types: Types
    items: Types
    literal: Any
    names: frozenset[str]
    is_certain: bool
    line: int
    column: int
    members: "Mapping[str, Claim] | None" = None


def claims_of(root: Container) -> dict[str, Claim]:
    """Say what is known of each top-level claim, in the order of the template."""
    ways: dict[str, list[tuple[Member, frozenset[str]]]] = {}
    for part, around in _walk(root.body.parts):
        if isinstance(part, Member):
            ways.setdefault(part.name, []).append((part, around))
    certain = _certain(root.body.parts)
    claims = {}
    for name, found in ways.items():
        known = either([_facts(member.node) for member, _ in found], union(around for _, around in found))
        first, members = found[0][0], None
        if len(found) == 1 and isinstance(first.node, Container) and first.node.make is dict:
            members = claims_of(first.node)
        is_certain = name in certain
        claims[name] = Claim(known.types, known.items, known.literal, known.names, is_certain, *first.place, members)
    return claims


def faults_of(members: Iterable[Member]) -> Iterator[Problem]:
    """Find what is certainly wrong with `iss`, `sub` and `aud`."""
    for member in members:
        if member.rule and (reason := _certainly_wrong(member.node, member.rule)):
            yield Problem(*member.place, reason)


def _certainly_wrong(node: Node, rule: Callable[[Any], str]) -> str:
    """Say what is wrong with a registered claim for everybody who gets it, or nothing."""
    known = _facts(node)
    if known.literal is not NOT_FIXED:
        return rule(known.literal)
    reasons = [rule(_AT_BEST[kind]) for kind in known.types]
    if reasons and all(reasons):
        return reasons[0]
    if known.types == {LIST}:
        parts = node.body.parts if isinstance(node, Container) else []
        within = [_facts(part.node) for part in parts if isinstance(part, Item)]
        sure = [known.items] + [one.types for one in within if not one.may_be_omitted]
        if any(types and TEXT not in types for types in sure):
            return rule([None])
    return ""


_AT_BEST: dict[str, Any] = {TEXT: "x", LIST: ["x"], "number": 1, "boolean": True, "object": {}, "null": None}


def _why_not(name: str, value: Any) -> str:
    """Say why a value cannot be that of `iss`, `sub` or `aud`, or nothing."""
    if name == "aud" and type(value) is list:
        is_right = value and all(type(one) is str and one for one in value)
        return "" if is_right else "`aud` is a text or a list of texts, none of them empty"
    if type(value) is not str:
        return "`aud` is a text or a list of texts" if name == "aud" else f"`{name}` is a text"
    return "" if value else f"`{name}` cannot be empty"


REGISTERED: dict[str, Callable[[Any], str]] = {name: partial(_why_not, name) for name in ("iss", "sub", "aud")}


def _facts(node: Node) -> Facts:
    """Gather what is known of a value."""
    match node:
        case Literal():
            return facts_of(node.literal)
        case Text():
            omits = any(isinstance(part, Hole) and part.spot.omits for part, _ in _walk(node.body.parts))
            return Facts(frozenset({TEXT}), names=node.names, may_be_omitted=omits)
        case Placed():
            known = node.spot.expression.facts
            return Facts(known.types, known.items, known.literal, known.names, node.spot.omits)
        case Choice():
            return either([_facts(value) for _, value in node.branches], _deciding(node))
        case Container():
            return _facts_of_container(node)


def _facts_of_container(node: Container) -> Facts:
    parts = list(_walk(node.body.parts))
    within = [(part, _facts(part.node)) for part, _ in parts if isinstance(part, Item | Member)]
    names = union([around for _, around in parts] + [known.names for _, known in within])
    literal: Any = NOT_FIXED
    if len(within) == len(node.body.parts) == len(parts) and not any(
        known.literal is NOT_FIXED or known.may_be_omitted for _, known in within
    ):
        literal = [known.literal for _, known in within]
        if node.make is dict:
            literal = {part.name: known.literal for part, known in within if isinstance(part, Member)}
    items = union(known.types for _, known in within) if node.make is list else NOTHING
    return Facts(frozenset({TYPE[node.make]}), items, literal, names)


def _walk(parts: Iterable[Part], around: frozenset[str] = NOTHING) -> Iterator[tuple[Part, frozenset[str]]]:
    """Go through parts and those of the branches of blocks, each with the names that decide around it."""
    for part in parts:
        if isinstance(part, Choice | Loop):
            within = around | _deciding(part)
            yield part, within
            for _, body in part.branches:
                yield from _walk(body.parts, within)
        else:
            yield part, around


def _deciding(part: Choice | Loop) -> frozenset[str]:
    """Give the names in the conditions of a block, or in the list of a loop."""
    return union(spot.expression.facts.names for spot, _ in part.branches if spot)


def _certain(parts: Iterable[Part]) -> frozenset[str]:
    """Name the members that are there whichever way is taken."""
    certain: set[str] = set()
    for part in parts:
        if isinstance(part, Member) and (isinstance(part.node, Container) or not _facts(part.node).may_be_omitted):
            certain.add(part.name)
        elif isinstance(part, Choice) and part.branches[-1][0] is None:
            certain |= frozenset.intersection(*(_certain(body.parts) for _, body in part.branches))
    return frozenset(certain)
