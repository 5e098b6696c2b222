"""What stands in one tag: Jinja's parser reads it; what the language knows of it becomes an expression.

Rule: an allow-list. A node of Jinja's that has no reader here is refused, and so is every token before it
reaches the parser that could make the parser work without bound. Nothing is evaluated.
"""

from collections.abc import Callable, Iterable

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from . import expressions as made
from . import operators
from .context import RESERVED
from .filters import FILTERS, argument_fault
from .jinja_nodes import either_of, hint_for, literal_of, path_of, words_for
from .limits import MAX_EXPRESSION_DEPTH, MAX_ITEMS
from .problems import Fault, shown
from .scope import Scope
from .tags import RawTag, environment
from .tokens import tokens_of
from .values import LIST, Value

_NO_LOOP_NAMES = RESERVED | set("true false null none and or not in is if else for".split())
_SIGNS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


class TagReader:
    """Reads the tags of one template, in a scope that changes from tag to tag."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._parser = Parser(environment(), "")
        self._known: dict[tuple[object, ...], tuple[made.Expression, bool] | Fault] = {}

    def placeholder(self, tag: RawTag) -> tuple[made.Expression, bool]:
        """Read `{{ … }}`, each spelling once: the expression, and whether the outermost filter is `omit`."""
        if tag.fault:
            raise tag.fault
        key = (tag.text, *(item for _, item in self._scope.loops))
        if key not in self._known:
            try:
                self._known[key] = self._placeholder(tag)
            except Fault as fault:
                self._known[key] = fault
        known = self._known[key]
        if isinstance(known, Fault):
            raise known
        return known

    def _placeholder(self, tag: RawTag) -> tuple[made.Expression, bool]:
        node, omits = self._parse(tokens_of(tag), with_condexpr=True), False
        if isinstance(node, nodes.Filter) and node.name == "omit" and node.node is not None:
            if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                raise Fault("`omit` takes no argument")
            node, omits = node.node, True
        return self._read(node, 1), omits

    def condition(self, tag: RawTag) -> made.Expression:
        """Read `{% if … %}` or `{% elif … %}`."""
        return self._read(self._parse(tokens_of(tag)[1:]), 1)

    def loop_name(self, tag: RawTag) -> str:
        """Read the name of `{% for name in list %}`."""
        tokens = tokens_of(tag)
        if [token.type for token in tokens[1:3]] != ["name", "name"] or tokens[2].value != "in":
            raise Fault("a loop is written `{% for name in list %}`, with one name")
        name = str(tokens[1].value)
        if name in _NO_LOOP_NAMES or name.startswith("_") or not name.isascii():
            raise Fault(f"a loop cannot have the name `{shown(name)}`", "choose another name")
        return name

    def loop_list(self, tag: RawTag) -> made.Expression:
        """Read the list of `{% for name in list %}`."""
        whole = self._read(self._parse(tokens_of(tag)[3:]), 1)
        if whole.kinds and LIST not in whole.kinds:
            raise Fault(f"a loop runs over a list, and this is a {either_of(whole.kinds)}")
        return whole

    def _parse(self, tokens: list[Token], *, with_condexpr: bool = False) -> nodes.Expr:
        """Let Jinja's parser read the tokens of one expression."""
        if len(tokens) < 2:
            raise Fault("this tag is empty")
        self._parser.stream = TokenStream(tokens, None, None)
        try:
            node = self._parser.parse_expression(with_condexpr=with_condexpr)
        except TemplateSyntaxError as error:
            message = (error.message or "").replace("end of print statement", "}}")
            raise Fault(f"this tag cannot be read: {message.replace('end of statement block', '%}')}") from None
        left = self._parser.stream.current
        if left.type not in ("variable_end", "block_end"):
            hint = "put an {% if %} inside the loop" if left.value in ("if", "recursive") else ""
            raise Fault(f"this tag cannot be read: `{shown(str(left.value))}` cannot stand here", hint)
        return node

    def _read(self, node: nodes.Node, depth: int) -> made.Expression:
        """Turn one node of Jinja's into an expression of ours, or refuse it."""
        if depth > MAX_EXPRESSION_DEPTH:
            raise Fault(f"this expression is more than {MAX_EXPRESSION_DEPTH} levels deep")
        reader = _READERS.get(type(node))
        if reader is None:
            raise Fault(words_for(node))
        return reader(self, node, depth + 1)

    def _all(self, found: Iterable[nodes.Node], depth: int) -> list[made.Expression]:
        return [self._read(node, depth) for node in found]

    # Names

    def _name(self, node: nodes.Expr, depth: int) -> made.Expression:
        """Read `user.email`, `user["email"]`, `user.groups[0]` or `.0`, a loop's name, `loop.first`."""
        words, below, indexes = path_of(node)
        if below is not None:
            whole = self._read(below, depth)
        else:
            whole, words = self._scope.find(words)
        if words:
            raise Fault(f"`{shown(words[0])}` is not a field here: this is a {either_of(whole.kinds)}")
        for index in indexes:
            if whole.kinds and LIST not in whole.kinds:
                raise Fault(f"only a list has items, and this is a {either_of(whole.kinds)}")
            whole = made.Item(whole, index)
        return whole

    # Literals and operators

    def _constant(self, node: nodes.Const, _: int) -> made.Expression:
        if node.value is None:
            raise Fault("`none` is no value", "write null outside the tags; `is none` asks for what is missing")
        return made.Literal(node.value)

    def _list(self, node: nodes.List, _: int) -> made.Expression:
        if len(node.items) > MAX_ITEMS:
            raise Fault(f"a list has at most {MAX_ITEMS:,} items")
        return made.Literal([literal_of(item) for item in node.items])

    def _negative(self, node: nodes.Neg, _: int) -> made.Expression:
        return made.Literal(literal_of(node))

    def _concat(self, node: nodes.Concat, depth: int) -> made.Expression:
        operands = self._all(node.nodes, depth)
        if any(one.kinds == {LIST} for one in operands):
            raise Fault("a list cannot stand inside text", "use `join`")
        return operators.Concat(operands)

    def _chain(self, node: nodes.BinExpr, depth: int) -> made.Expression:
        """Read a chain of the same `and` or `or`, however long, as one level."""
        found: list[nodes.Expr] = []
        waiting: list[nodes.Expr] = [node]
        while waiting:
            one = waiting.pop()
            if type(one) is type(node) and isinstance(one, nodes.BinExpr):
                waiting += one.right, one.left
            else:
                found.append(one)
        return operators.FirstThat(self._all(found, depth), is_or=isinstance(node, nodes.Or))

    def _not(self, node: nodes.Not, depth: int) -> made.Expression:
        return operators.Not(self._read(node.node, depth))

    def _either(self, node: nodes.CondExpr, depth: int) -> made.Expression:
        otherwise = None if node.expr2 is None else self._read(node.expr2, depth)
        return operators.Either(self._read(node.test, depth), self._read(node.expr1, depth), otherwise)

    def _compare(self, node: nodes.Compare, depth: int) -> made.Expression:
        if len(node.ops) > 1:
            raise Fault("comparisons do not chain", "write `a < b and b < c`")
        sign = _SIGNS[node.ops[0].op]
        left, right = self._all([node.expr, node.ops[0].expr], depth)
        may = {"<": operators.may_be_ordered, "i": operators.may_be_in}.get(
            sign.replace("not ", "").replace(">", "<")[0]
        )
        pairs = [(a, b) for a in left.kinds for b in right.kinds]
        if may and pairs and not any(may(a, b) for a, b in pairs):
            raise Fault(f"`{sign}` does not take a {either_of(left.kinds)} and a {either_of(right.kinds)}")
        return operators.Compare(sign, left, right)

    def _test(self, node: nodes.Test, depth: int) -> made.Expression:
        if node.name not in ("defined", "none"):
            raise Fault(f"`is {shown(node.name)}` is not known here", "there are `is defined` and `is none`")
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Fault(f"`is {node.name}` takes nothing after it", f"put brackets around `… is {node.name}`")
        return operators.IsDefined(self._read(node.node, depth), wanted=node.name == "defined")

    # Filters

    def _filter(self, node: nodes.Filter, depth: int) -> made.Expression:
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
            return made.Default(operand, self._read(node.args[0], depth))
        arguments: list[Value] = [literal_of(one) for one in node.args]
        if reason := argument_fault(row, arguments):
            raise Fault(f"`{row.name}`: {reason}")
        if operand.kinds and not operand.kinds & row.takes:
            raise Fault(f"`{row.name}` does not take a {either_of(operand.kinds)}")
        return made.Filtered(operand, row, arguments)


_READERS: dict[type[nodes.Node], Callable[..., made.Expression]] = {
    nodes.Name: TagReader._name,
    nodes.Getattr: TagReader._name,
    nodes.Getitem: TagReader._name,
    nodes.Const: TagReader._constant,
    nodes.List: TagReader._list,
    nodes.Neg: TagReader._negative,
    nodes.Concat: TagReader._concat,
    nodes.And: TagReader._chain,
    nodes.Or: TagReader._chain,
    nodes.Not: TagReader._not,
    nodes.CondExpr: TagReader._either,
    nodes.Compare: TagReader._compare,
    nodes.Test: TagReader._test,
    nodes.Filter: TagReader._filter,
}
