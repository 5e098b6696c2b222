"""The tokens of one tag, on their way from Jinja's lexer to its parser.

Rule: numbers and texts are read by JSON's rules, not by Python's; what would make the parser work or nest
without bound is refused before it gets there.
"""

from jinja2.lexer import Token, operators

from .limits import MAX_EXPRESSION_DEPTH, MAX_TEXT
from .problems import Fault
from .tags import RawTag
from .values import JSON_NUMBER, number, unescaped

_SPELLINGS = {"True": "true", "False": "false", "None": "none"}


def tokens_of(tag: RawTag) -> list[Token]:
    """Give the tokens of a tag as the parser wants them, none of which makes it work without bound."""
    if tag.fault:
        raise tag.fault
    found: list[Token] = []
    deep, elses, nots = 0, [0], 0
    for _, kind, text in tag.tokens:
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
        if not JSON_NUMBER.fullmatch(text):
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
