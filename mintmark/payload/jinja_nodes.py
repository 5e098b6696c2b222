"""Jinja's nodes in our words: dotted paths, literals, and what to say of those that are refused.

Rule: it only looks at nodes; Jinja's own methods on them, which evaluate, are never called.
"""

from collections.abc import Iterable

from jinja2 import nodes

from .filters import FILTERS, REFUSED
from .problems import Fault
from .values import is_plain_number

_ARITHMETIC = (
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
)


def path_of(node: nodes.Expr) -> tuple[list[str], nodes.Expr | None, list[int]]:
    """Take `a.b["c"][0]` apart: the words, what they stand on if that is no name, the indexes."""
    words: list[str] = []
    indexes: list[int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        key = node.attr if isinstance(node, nodes.Getattr) else key_of(node.arg)
        if isinstance(key, str):
            words.append(key)
        elif words:
            raise Fault("an item of a list has no fields")
        else:
            indexes.append(key)
        node = node.node
    if isinstance(node, nodes.Name):
        return [node.name, *reversed(words)], None, indexes[::-1]
    return words[::-1], node, indexes[::-1]


def key_of(node: nodes.Expr) -> str | int:
    if isinstance(node, nodes.Const) and type(node.value) in (str, int) and node.value != "":
        value: str | int = node.value
        return value
    raise Fault('between [ and ] stands "name" or a number from 0')


def literal_of(node: nodes.Expr) -> str | int | float | bool:
    """Read a literal: a text, a number, also with a minus, `true` or `false`."""
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and is_plain_number(node.node.value):
        return -node.node.value  # type: ignore[no-any-return]  # a number
    if isinstance(node, nodes.Const) and node.value is not None:
        return node.value  # type: ignore[no-any-return]  # what tokens_of lets through
    if isinstance(node, nodes.Neg):
        raise Fault(words_for(node))
    raise Fault("only a literal can stand here: a text, a number, `true` or `false`")


def words_for(node: nodes.Node) -> str:
    if isinstance(node, nodes.Call):
        return "no calls here"
    if isinstance(node, _ARITHMETIC):
        return "no arithmetic here"
    return f"{type(node).__name__.lower()} is not part of the language"


def hint_for(name: str) -> str:
    if name in REFUSED:
        return REFUSED[name]
    return f"there are {', '.join(f'`{known}`' for known in FILTERS)}"


def either_of(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))
