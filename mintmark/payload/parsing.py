"""From the tag to one node of Jinja's parser, and what can be said of such a node.

Rule: Jinja's own methods on nodes, which evaluate, are never called. Numbers and texts are read by JSON's rules, not
by Python's, before they reach the parser.
"""

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream, operators
from jinja2.parser import Parser

from .page import Tag, environment
from .problems import Fault, shown
from .values import JSON_NUMBER, MAX_EXPRESSION_DEPTH, MAX_TEXT, is_plain_number, number, unescaped

TOO_DEEP = f"this expression is more than {MAX_EXPRESSION_DEPTH} levels deep"
_SPELLINGS = {"True": "true", "False": "false", "None": "none"}
_OPENING, _CLOSING = ("lparen", "lbracket", "lbrace"), ("rparen", "rbracket", "rbrace")
_ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos)


def new_parser() -> Parser:
    """Give a parser for the tags of one template."""
    return Parser(environment(), "")


def parse(parser: Parser, tag: Tag, *, skip: int = 0) -> nodes.Expr:
    """Read the one expression of a tag, after the words that make it a block."""
    tokens = _tokens(tag)[skip:]
    if len(tokens) < 2:
        raise Fault("this tag is empty")
    parser.stream = TokenStream(tokens, None, None)
    try:
        node = parser.parse_expression(with_condexpr=not tag.is_block)
    except TemplateSyntaxError as error:
        message = (error.message or "").replace("end of print statement", "}}")
        raise Fault(f"this tag cannot be read: {message.replace('end of statement block', '%}')}") from None
    except RecursionError:  # a long row of `not`, `-` or `else`
        raise Fault(TOO_DEEP) from None
    left = parser.stream.current
    if left.type not in ("variable_end", "block_end"):
        hint = "put an {% if %} inside the loop" if left.value in ("if", "recursive") else ""
        raise Fault(f"this tag cannot be read: `{shown(str(left.value))}` cannot stand here", hint)
    return node


def _tokens(tag: Tag) -> list[Token]:
    """Give the tokens of a tag as the parser wants them; brackets in brackets are levels too."""
    found: list[Token] = []
    deep = 0
    for kind, text in tag.tokens:
        token = _token(kind, text)
        if token.type == "string" and found and found[-1].type == "string":
            raise Fault("two texts side by side", "write `~` between them")
        deep += (token.type in _OPENING) - (token.type in _CLOSING)
        if deep > MAX_EXPRESSION_DEPTH:
            raise Fault(TOO_DEEP)
        found.append(token)
    return [*found, Token(1, "block_end" if tag.is_block else "variable_end", "")]


def _token(kind: str, text: str) -> Token:
    """Make one token of Jinja's; numbers and texts are read by JSON's rules, not by Python's."""
    if kind in ("integer", "float"):
        if not JSON_NUMBER.fullmatch(text):
            raise Fault(f"`{text[:40]}` is not a number as JSON spells it")
        return Token(1, kind, number(text))  # type: ignore[arg-type]  # Jinja's own numbers are numbers too
    if kind == "string":
        if any(char < " " for char in text):
            raise Fault("a control character stands in a text", "write \\n or \\t")
        try:
            value = unescaped(text[1:-1])
        except Fault as fault:
            raise Fault(f"in a text: {fault.reason}") from None
        if len(value) > MAX_TEXT:
            raise Fault(f"a text has at most {MAX_TEXT:,} characters")
        return Token(1, kind, value)
    if kind == "operator":
        return Token(1, operators[text], text)
    if text in _SPELLINGS:
        raise Fault(f"`{text}` is not known here", f"write `{_SPELLINGS[text]}`")
    return Token(1, kind, text)


def chain_of(node: nodes.BinExpr) -> list[nodes.Expr]:
    """Give the operands of a chain of the same `and` or `or`, however long."""
    found: list[nodes.Expr] = []
    waiting: list[nodes.Expr] = [node]
    while waiting:
        one = waiting.pop()
        if type(one) is type(node) and isinstance(one, nodes.BinExpr):
            waiting += one.right, one.left
        else:
            found.append(one)
    return found


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
        return node.value  # type: ignore[no-any-return]  # what _token lets through
    if isinstance(node, nodes.Neg):
        raise Fault(words_for(node))
    raise Fault("only a literal can stand here: a text, a number, `true` or `false`")


def words_for(node: nodes.Node | None) -> str:
    if isinstance(node, nodes.Call):
        return "no calls here"
    if isinstance(node, _ARITHMETIC):
        return "no arithmetic here"
    return f"{type(node).__name__.lower()} is not part of the language"


def comma_of(node: nodes.Expr) -> str:
    """Tell how a placeholder writes a comma, as plain Jinja needs it: "always", "sometimes", "or missing", or ""."""
    ways: set[object] = set()
    waiting: list[nodes.Expr | None] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, nodes.CondExpr):
            waiting += one.expr1, one.expr2
        else:
            ways.add(one.value.strip() if isinstance(one, nodes.Const) and isinstance(one.value, str) else one)
    if "," not in ways or ways - {",", "", None}:
        return ""
    return "or missing" if None in ways else "sometimes" if len(ways) > 1 else "always"
