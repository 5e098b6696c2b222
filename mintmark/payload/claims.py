"""What is known of each top-level claim, and what RFC 7519 §4.1 asks of `iss`, `sub` and `aud`.

Rule: what is certainly wrong with them is said at save; what only may be wrong is looked at in each token.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .expressions import Run
from .facts import NOT_FIXED, conditions, either, facts, union
from .parts import Member
from .problems import Problem, TemplateError
from .spots import OMITTED, Path
from .tree import Container
from .values import LIST, TEXT, Kinds

_REGISTERED = frozenset({"iss", "sub", "aud"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One top-level claim, over all branches that give it.

    `types` are of text, number, boolean, list, object, null; `items` those of its items where it may be a
    list. `literal` is its value where that is the same for everybody who gets the claim at all, else
    NOT_FIXED. `names` are the dotted names used anywhere in it, also in the conditions around and within
    it. `is_certain` says that every token has it; else it may be left out, by a condition or by `omit`.
    `line` and `column` are of its first name.
    """

    types: Kinds
    items: Kinds
    literal: Any
    names: frozenset[str]
    is_certain: bool
    line: int
    column: int


def claims_of(root: Container) -> dict[str, Claim]:
    """Say what is known of each top-level claim, in the order of the template."""
    ways: dict[str, list[tuple[Member, frozenset[str]]]] = {}
    for member, names in _members(root.body.parts, frozenset()):
        ways.setdefault(member.name, []).append((member, names))
    certain = _certain(root.body.parts)
    claims = {}
    for name, found in ways.items():
        known = either([facts(_inside(member)) for member, _ in found], union(names for _, names in found))
        claims[name] = Claim(known.types, known.items, known.literal, known.names, name in certain, *found[0][0].place)
    return claims


def _members(parts: Iterable[Any], names: frozenset[str]) -> Iterator[tuple[Member, frozenset[str]]]:
    """Go through the members of the outermost object, each with the names in the conditions around it."""
    for part in parts:
        if isinstance(part, Member):
            yield part, names
        else:
            around = names | union(spot.expression.names for spot in conditions(part))
            for _, body in part.branches:
                yield from _members(body.parts, around)


def _certain(parts: Iterable[Any]) -> frozenset[str]:
    """Name the members that are there whichever way is taken."""
    certain: set[str] = set()
    for part in parts:
        if isinstance(part, Member):
            node = _inside(part)
            if isinstance(node, Container) or not facts(node).may_be_omitted:
                certain.add(part.name)
        elif part.branches[-1][0] is None:
            certain |= frozenset.intersection(*(_certain(body.parts) for _, body in part.branches))
    return frozenset(certain)


def _inside(member: Member) -> Any:
    return member.node.node if isinstance(member.node, Registered) else member.node


class Registered:
    """The value of `iss`, `sub` or `aud`, looked at once more when it is there."""

    __slots__ = ("name", "node", "place")

    def __init__(self, member: Member) -> None:
        self.name, self.node, self.place = member.name, member.node, member.place

    def build(self, run: Run, path: Path) -> Any:
        value = self.node.build(run, path)
        if value is not OMITTED and (reason := _why_not(self.name, value)):
            raise TemplateError([Problem(*self.place, reason)])
        return value


def _why_not(name: str, value: Any) -> str:
    """Say why a value cannot be that of `iss`, `sub` or `aud`, or nothing."""
    if name == "aud" and type(value) is list:
        if not value or not all(type(one) is str and one for one in value):
            return "`aud` is a text or a list of texts, none of them empty"
        return ""
    if type(value) is not str:
        return "`aud` is a text or a list of texts" if name == "aud" else f"`{name}` is a text"
    return "" if value else f"`{name}` cannot be empty"


def guard(members: Iterable[Member]) -> Iterator[Problem]:
    """Find what is certainly wrong with `iss`, `sub` and `aud`; mark for a look at issue what may be."""
    for member in members:
        if member.name not in _REGISTERED:
            continue
        known, reason = facts(member.node), ""
        right = {TEXT, LIST} if member.name == "aud" else {TEXT}
        if known.literal is not NOT_FIXED:
            reason = _why_not(member.name, known.literal)
        elif known.types and not known.types & right:
            reason = _why_not(member.name, None)
        elif known.types == {LIST} and known.items and TEXT not in known.items:
            reason = _why_not(member.name, [None])
        if reason:
            yield Problem(*member.place, reason)
        elif known.literal is NOT_FIXED:
            member.node = Registered(member)
