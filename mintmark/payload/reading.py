"""What stands inside one tag: Jinja's parser reads it, and what the language knows of it becomes an expression.

Rule: an allow-list. A node of Jinja's that has no reader here is refused, and so is every token before it reaches the
parser that could make the parser work without bound. Nothing is evaluated.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream, operators
from jinja2.parser import Parser

from . import expressions as made
from .context import BRANCHES, LOOP, RESERVED, Names
from .filters import FILTERS, REFUSED, argument_fault
from .limits import MAX_EXPRESSION_DEPTH, MAX_ITEMS, MAX_TEXT
from .problems import Fault
from .tags import RawTag, environment
from .values import KIND, LIST, Value, is_plain_number, number, unescaped

_SPELLINGS = {"True": "true", "False": "false", "None": "none"}
_NO_LOOP_NAMES = RESERVED | set("true false null none and or not in is if else for".split())
_LOOP_FIELDS = {declared.name: declared.type for declared in LOOP}
_ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos)
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


@dataclass(slots=True)
class Scope:
    """The loops around a tag: each name with its depth and the types of its items, and the loop that `loop` is."""

    loops: list[tuple[str, made.LoopItem]] = field(default_factory=list)

    def find(self, name: str) -> made.LoopItem | None:
        return next((item for known, item in reversed(self.loops) if known == name), None)


class TagReader:
    """Reads the tags of one template; keeps which declared names it uses, each with its slot."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.slots: dict[str, int] = {}
        self._parser = Parser(environment(), "")
        self._scope = Scope()

    def placeholder(self, tag: RawTag, scope: Scope) -> tuple[made.Expression, bool]:
        """Read `{{ … }}`: the expression, and whether the outermost filter is `omit`."""
        node = self._parse(tokens_of(tag), with_condexpr=True)
        self._scope, omits = scope, False
        if isinstance(node, nodes.Filter) and node.name == "omit" and node.node is not None:
            if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                raise Fault("`omit` takes no argument")
            node, omits = node.node, True
        return self._read(node, 1), omits

    def condition(self, tag: RawTag, scope: Scope) -> made.Expression:
        """Read `{% if … %}` or `{% elif … %}`."""
        self._scope = scope
        return self._read(self._parse(tokens_of(tag)[1:]), 1)

    def loop_name(self, tag: RawTag) -> str:
        """Read the name of `{% for name in list %}`."""
        tokens = tokens_of(tag)
        if [token.type for token in tokens[1:3]] != ["name", "name"] or tokens[2].value != "in":
            raise Fault("a loop is written `{% for name in list %}`, with one name")
        name = str(tokens[1].value)
        if name in _NO_LOOP_NAMES or name.startswith("_") or not name.isascii():
            raise Fault(f"a loop cannot have the name `{name[:40]}`", "choose another name")
        return name

    def loop_list(self, tag: RawTag, scope: Scope) -> made.Expression:
        """Read the list of `{% for name in list %}`."""
        self._scope = scope
        whole = self._read(self._parse(tokens_of(tag)[3:]), 1)
        if whole.kinds and LIST not in whole.kinds:
            raise Fault(f"a loop runs over a list, and this is a {_or(whole.kinds)}")
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
            raise Fault(f"this tag cannot be read: `{left.value}` cannot stand here", hint)
        return node

    def _read(self, node: nodes.Node, depth: int) -> made.Expression:
        """Turn one node of Jinja's into an expression of ours, or refuse it."""
        if depth > MAX_EXPRESSION_DEPTH:
            raise Fault(f"this expression is more than {MAX_EXPRESSION_DEPTH} levels deep")
        reader = _READERS.get(type(node))
        if reader is None:
            raise Fault(_words_for(node))
        return reader(self, node, depth + 1)

    def _all(self, found: Iterable[nodes.Node], depth: int) -> list[made.Expression]:
        return [self._read(node, depth) for node in found]

    # Names

    def _name(self, node: nodes.Expr, depth: int) -> made.Expression:
        """Read `user.email`, `user["email"]`, `user.groups[0]`, `user.groups.0`, a loop's name, `loop.first`."""
        words, below, indexes = _path(node)
        if below is not None:
            whole = self._read(below, depth)
        else:
            whole, words = self._declared(words)
        if words:
            raise Fault(f"`{words[0]}` is not a field here: this is a {_or(whole.kinds)}")
        for index in indexes:
            if whole.kinds and LIST not in whole.kinds:
                raise Fault(f"only a list has items, and this is a {_or(whole.kinds)}")
            whole = made.Item(whole, index)
        return whole

    def _declared(self, words: list[str]) -> tuple[made.Expression, list[str]]:
        """Find the declared name that the words begin with; give it and the words after it."""
        if hidden := next((word for word in words if word.startswith("_")), None):
            raise Fault(f"`{hidden}`: no name starts with an underscore")
        if item := self._scope.find(words[0]):
            return item, words[1:]
        name = ".".join(words)
        if name in BRANCHES:
            raise Fault(f"`{name}` alone is no value", "name one of its fields")
        if words[0] == "loop":
            return self._loop_field(name), []
        for length in (1, 2, 3):
            short = ".".join(words[:length])
            if (kind := self.names.types.get(short)) and short.count(".") < length:
                slot = self.slots.setdefault(short, len(self.slots))
                return made.Name(short, kind, slot), words[length:]
        if name in ("null", "none"):
            raise Fault(f"`{name}` is no value", "write null outside the tags; `is none` asks for what is missing")
        raise Fault(f"`{name}` is not a known name", self.names.nearest(name, _LOOP_FIELDS))

    def _loop_field(self, name: str) -> made.Expression:
        if name not in _LOOP_FIELDS:
            raise Fault(f"`{name}` is not a known name", self.names.nearest(name, _LOOP_FIELDS))
        if not self._scope.loops:
            raise Fault("`loop` is known only inside a loop")
        return made.LoopField(self._scope.loops[-1][1].depth, name.partition(".")[2], _LOOP_FIELDS[name])

    # Literals and operators

    def _constant(self, node: nodes.Const, _: int) -> made.Expression:
        if node.value is None:
            raise Fault("`none` is no value", "write null outside the tags; `is none` asks for what is missing")
        return made.Literal(node.value)

    def _list(self, node: nodes.List, _: int) -> made.Expression:
        if len(node.items) > MAX_ITEMS:
            raise Fault(f"a list has at most {MAX_ITEMS:,} items")
        return made.Literal([_scalar(item) for item in node.items])

    def _negative(self, node: nodes.Neg, _: int) -> made.Expression:
        return made.Literal(_scalar(node))

    def _concat(self, node: nodes.Concat, depth: int) -> made.Expression:
        operands = self._all(node.nodes, depth)
        if any(one.kinds == {LIST} for one in operands):
            raise Fault("a list cannot stand inside text", "use `join`")
        return made.Concat(operands)

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
        return made.FirstThat(self._all(found, depth), is_or=isinstance(node, nodes.Or))

    def _not(self, node: nodes.Not, depth: int) -> made.Expression:
        return made.Not(self._read(node.node, depth))

    def _either(self, node: nodes.CondExpr, depth: int) -> made.Expression:
        otherwise = None if node.expr2 is None else self._read(node.expr2, depth)
        return made.Either(self._read(node.test, depth), self._read(node.expr1, depth), otherwise)

    def _compare(self, node: nodes.Compare, depth: int) -> made.Expression:
        if len(node.ops) > 1:
            raise Fault("comparisons do not chain", "write `a < b and b < c`")
        sign = _SIGNS[node.ops[0].op]
        left, right = self._all([node.expr, node.ops[0].expr], depth)
        may = {"<": made.may_be_ordered, "i": made.may_be_in}.get(sign.replace("not ", "").replace(">", "<")[0])
        pairs = [(a, b) for a in left.kinds for b in right.kinds]
        if may and pairs and not any(may(a, b) for a, b in pairs):
            raise Fault(f"`{sign}` does not take a {_or(left.kinds)} and a {_or(right.kinds)}")
        return made.Compare(sign, left, right)

    def _test(self, node: nodes.Test, depth: int) -> made.Expression:
        if node.name not in ("defined", "none"):
            raise Fault(f"`is {node.name}` is not known here", "there are `is defined` and `is none`")
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Fault(f"`is {node.name}` takes nothing after it", f"put brackets around `… is {node.name}`")
        return made.IsDefined(self._read(node.node, depth), wanted=node.name == "defined")

    # Filters

    def _filter(self, node: nodes.Filter, depth: int) -> made.Expression:
        row = FILTERS.get(node.name)
        if row is None:
            raise Fault(f"`{node.name}` is not a filter here", _filter_hint(node.name))
        if row.name == "omit":
            raise Fault("`omit` must be the outermost filter of a placeholder", "write {{ (…) | omit }}")
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Fault(f"`{row.name}` takes its arguments by position", f"it is written `{row.signature}`")
        operand = self._read(node.node, depth)
        if row.name == "default":
            if len(node.args) != 1:
                raise Fault("`default` takes one argument", "write `| default(x)`")
            return made.Default(operand, self._read(node.args[0], depth))
        arguments: list[Value] = [_scalar(one) for one in node.args]
        if reason := argument_fault(row, arguments):
            raise Fault(f"`{row.name}`: {reason}")
        if operand.kinds and not operand.kinds & row.takes:
            raise Fault(f"`{row.name}` does not take a {_or(operand.kinds)}")
        return made.Filtered(operand, row, arguments)


def tokens_of(tag: RawTag) -> list[Token]:
    """Give the tokens of a tag as the parser wants them, after a look at what would make it work without bound."""
    if tag.fault:
        raise tag.fault
    found: list[Token] = []
    deep, elses, nots = 0, [0], 0
    for at, kind, text in tag.tokens:
        if kind == "whitespace":
            continue
        token = _token(kind, text)
        if token.type == "string" and found and found[-1].type == "string":
            raise Fault("two texts side by side", "write `~` between them")
        if token.type in ("lparen", "lbracket", "lbrace"):
            elses.append(0)
        elif token.type in ("rparen", "rbracket", "rbrace"):
            elses.pop()
        elif token.type in ("sub", "add") and found and found[-1].type in ("sub", "add"):
            raise Fault("no arithmetic here")
        nots = nots + 1 if kind == "name" and text == "not" else 0
        elses[-1] += kind == "name" and text == "else"
        deep = max(deep, len(elses), sum(elses) + 1, nots)
        if deep > MAX_EXPRESSION_DEPTH + 1:
            raise Fault(f"this expression is more than {MAX_EXPRESSION_DEPTH} levels deep")
        found.append(token)
    return [*found, Token(1, "block_end" if tag.is_block else "variable_end", "")]


def _token(kind: str, text: str) -> Token:
    """Make one token of Jinja's; numbers and texts are read by JSON's rules, not by Python's."""
    if kind in ("integer", "float"):
        if not text.replace(".", "").replace("e", "").replace("E", "").replace("+", "").replace("-", "").isdecimal():
            raise Fault(f"`{text[:40]}` is not a number as JSON spells it")
        return Token(1, kind, number(text))  # type: ignore[arg-type]  # Jinja's own numbers are numbers too
    if kind == "string":
        inside = text[1:-1]
        if any(char < " " for char in inside):
            raise Fault("a control character stands in a text", "write \\n or \\t")
        if len(value := _unescaped(inside)) > MAX_TEXT:
            raise Fault(f"a text has at most {MAX_TEXT:,} characters")
        return Token(1, kind, value)
    if kind == "operator":
        return Token(1, operators[text], text)
    if text in _SPELLINGS:
        raise Fault(f"`{text}` is not known here", f"write `{_SPELLINGS[text]}`")
    return Token(1, kind, text)


def _unescaped(inside: str) -> str:
    try:
        return unescaped(inside)
    except Fault as fault:
        raise Fault(f"in a text: {fault.reason}") from None


def _path(node: nodes.Expr) -> tuple[list[str], nodes.Expr | None, list[int]]:
    """Take `a.b["c"][0]` apart: the words, what they stand on where that is not a name, the indexes after them."""
    words: list[str] = []
    indexes: list[int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        key = node.attr if isinstance(node, nodes.Getattr) else _key(node.arg)
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


def _key(node: nodes.Expr) -> str | int:
    if isinstance(node, nodes.Const) and type(node.value) in (str, int) and node.value != "":
        value: str | int = node.value
        return value
    raise Fault('between [ and ] stands "name" or a number from 0')


def _scalar(node: nodes.Expr) -> str | int | float | bool:
    """Read a literal: a text, a number, also with a minus, `true` or `false`."""
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and is_plain_number(node.node.value):
        return -node.node.value  # type: ignore[no-any-return]  # a number
    if isinstance(node, nodes.Const) and node.value is not None:
        return node.value  # type: ignore[no-any-return]  # what tokens_of lets through
    if isinstance(node, nodes.Neg):
        _refuse(node)
    raise Fault("only a literal can stand here: a text, a number, `true` or `false`")


def _refuse(node: nodes.Node) -> NoReturn:
    raise Fault(_words_for(node))


def _words_for(node: nodes.Node) -> str:
    if isinstance(node, nodes.Call):
        return "no calls here"
    if isinstance(node, _ARITHMETIC):
        return "no arithmetic here"
    return f"{type(node).__name__.lower()} is not part of the language"


def _filter_hint(name: str) -> str:
    if name in REFUSED:
        return REFUSED[name]
    return f"there are {', '.join(f'`{known}`' for known in FILTERS)}"


def _or(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))


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
