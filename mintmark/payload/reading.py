"""What stands in one tag: Jinja's parser reads it; what the language knows of it becomes an expression.

Rule: an allow-list. A node of Jinja's that has no reader here is refused. What is not found among the names of the
loops around the tag and those of the context does not exist; nothing is evaluated, nor looked up on a value.
"""

from collections.abc import Sequence

from jinja2 import nodes

from . import expressions as made
from .context import BRANCHES, RESERVED, Names
from .expressions import Expression
from .filters import FILTERS, argument_fault, hint_for
from .page import Tag
from .parsing import TOO_DEEP, chain_of, comma_of, key_of, literal_of, new_parser, parse, words_for
from .problems import Fault, shown
from .values import LIST, MAX_EXPRESSION_DEPTH, MAX_ITEMS

_NO_LOOP_NAMES = RESERVED | set("true false null none and or not in is if else for".split())
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


class Reader:
    """Reads the tags of one template, in the order of its text, with the loops around the tag being read."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.loops: list[tuple[str, Expression]] = []
        self.slots: dict[str, int] = {}  # the names used, each with its place in a Run
        self._parser = new_parser()
        self._known: dict[tuple[object, ...], tuple[Expression, bool, str] | Fault] = {}

    def placeholder(self, tag: Tag) -> None:
        """Read `{{ … }}`, each spelling once."""
        key = (tag.text, *self.loops)
        if key not in self._known:
            try:
                self._known[key] = self._placeholder(tag)
            except Fault as fault:
                self._known[key] = fault
        known = self._known[key]
        if isinstance(known, Fault):
            raise known
        tag.expression, tag.omits, tag.comma = known

    def _placeholder(self, tag: Tag) -> tuple[Expression, bool, str]:
        node, omits = parse(self._parser, tag), False
        if isinstance(node, nodes.Filter) and node.name == "omit" and node.node is not None:
            if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                raise Fault("`omit` takes no argument")
            node, omits = node.node, True
        return self._read(node), omits, comma_of(node)

    def condition(self, tag: Tag) -> Expression:
        """Read `{% if … %}` or `{% elif … %}`."""
        return self._read(parse(self._parser, tag, skip=1))

    def loop_name(self, tag: Tag) -> str:
        """Read the name of `{% for name in list %}`."""
        name = tag.tokens[1][1] if len(tag.tokens) > 2 else ""
        if [kind for kind, _ in tag.tokens[1:3]] != ["name", "name"] or tag.tokens[2][1] != "in":
            raise Fault("a loop is written `{% for name in list %}`, with one name")
        if name in _NO_LOOP_NAMES or name.startswith("_") or not name.isascii():
            raise Fault(f"a loop cannot have the name `{shown(name)}`", "choose another name")
        return name

    def loop_list(self, tag: Tag) -> Expression:
        """Read the list of `{% for name in list %}`."""
        whole = self._read(parse(self._parser, tag, skip=3))
        if whole.facts.types and LIST not in whole.facts.types:
            raise Fault(f"a loop runs over a list, and this is a {made.either_of(whole.facts.types)}")
        return whole

    def _read(self, node: nodes.Node | None, depth: int = 1) -> Expression:
        """Turn one node of Jinja's into an expression of ours, or refuse it."""
        if depth > MAX_EXPRESSION_DEPTH:
            raise Fault(TOO_DEEP)
        deeper = depth + 1
        match node:
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                return self._path(node, deeper)
            case nodes.Const(value=None):
                raise Fault("`none` is no value", "write null outside the tags; `is none` asks for what is missing")
            case nodes.Const() | nodes.Neg():
                return made.literal(literal_of(node))
            case nodes.List():
                if len(node.items) > MAX_ITEMS:
                    raise Fault(f"a list has at most {MAX_ITEMS:,} items")
                return made.literal([literal_of(item) for item in node.items])
            case nodes.Filter():
                return self._filter(node, deeper)
            case nodes.Concat():
                return made.concat(self._all(node.nodes, deeper))
            case nodes.And() | nodes.Or():
                return made.first_that(self._all(chain_of(node), deeper), is_or=isinstance(node, nodes.Or))
            case nodes.Not():
                return made.negation(self._read(node.node, deeper))
            case nodes.CondExpr():
                otherwise = self._read(node.expr2, deeper) if node.expr2 else None
                return made.conditional(self._read(node.test, deeper), self._read(node.expr1, deeper), otherwise)
            case nodes.Compare():
                if len(node.ops) > 1:
                    raise Fault("comparisons do not chain", "write `a < b and b < c`")
                return made.comparison(_SIGNS[node.ops[0].op], *self._all([node.expr, node.ops[0].expr], deeper))
            case nodes.Test():
                return self._test(node, deeper)
        raise Fault(words_for(node))

    def _all(self, found: Sequence[nodes.Node], depth: int) -> list[Expression]:
        return [self._read(node, depth) for node in found]

    # Names

    def _path(self, node: nodes.Expr, depth: int) -> Expression:
        """Read `user.email`, `user["email"]`, `user.groups[0]` or `.0`, a loop's name, `loop.first`."""
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
            whole, words = self._find([node.name, *reversed(words)])
        else:
            whole, words = self._read(node, depth), words[::-1]
        if words:
            raise Fault(f"`{shown(words[0])}` is not a field here: this is a {made.either_of(whole.facts.types)}")
        for index in reversed(indexes):
            whole = made.item(whole, index)
        return whole

    def _find(self, words: list[str]) -> tuple[Expression, list[str]]:
        """Find the name that the words begin with; give it and the words after it."""
        if hidden := next((word for word in words if word.startswith("_")), None):
            raise Fault(f"`{shown(hidden)}`: no name starts with an underscore")
        for known, item in reversed(self.loops):
            if known == words[0]:
                return item, words[1:]
        name = ".".join(words)
        if name in BRANCHES:
            raise Fault(f"`{name}` alone is no value", "name one of its fields")
        if name in made.LOOP_FIELDS:
            if not self.loops:
                raise Fault("`loop` is known only inside a loop")
            return made.loop_field(len(self.loops) - 1, name), []
        for length in range(1, min(len(words), 3) + 1):
            short = ".".join(words[:length])
            if (kind := self.names.types.get(short)) and short.split(".") == words[:length]:
                return made.name(short, kind, self.slots.setdefault(short, len(self.slots))), words[length:]
        if name == "null":
            raise Fault("`null` is no value", "write null outside the tags; `is none` asks for what is missing")
        also = [*made.LOOP_FIELDS, *(known for known, _ in self.loops)] if self.loops else []
        raise Fault(f"`{shown(name)}` is not a known name", self.names.nearest(name, also))

    # Tests and filters

    def _test(self, node: nodes.Test, depth: int) -> Expression:
        if node.name not in ("defined", "none"):
            raise Fault(f"`is {shown(node.name)}` is not known here", "there are `is defined` and `is none`")
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Fault(f"`is {node.name}` takes nothing after it", f"put brackets around `… is {node.name}`")
        return made.is_defined(self._read(node.node, depth), wanted=node.name == "defined")

    def _filter(self, node: nodes.Filter, depth: int) -> Expression:
        row = FILTERS.get(node.name)
        if row is None:
            raise Fault(f"`{shown(node.name)}` is not a filter here", hint_for(node.name))
        if row.name == "omit":
            raise Fault("`omit` must be the outermost filter of a placeholder", "write {{ (…) | omit }}")
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Fault(f"`{row.name}` takes its arguments by position", f"it is written `{row.signature}`")
        operand = self._read(node.node, depth)
        if row.name == "default":
            if len(node.args) != 1:
                raise Fault("`default` takes one argument", "write `| default(x)`")
            return made.default(operand, self._read(node.args[0], depth))
        arguments = [literal_of(one) for one in node.args]
        if reason := argument_fault(row, arguments):
            raise Fault(f"`{row.name}`: {reason}")
        return made.filtered(operand, row, arguments)
