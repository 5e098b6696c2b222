"""JSON, strictly: RFC 8259 without repeated names (§4), NaN, Infinity and unpaired surrogates (§8.2).

The standard library says whether the text is JSON; the places, which it does not tell, come from
a walk over the tokens of text that is known to be good.
"""

import json
import re

from mintmark.site_file.problems import unreadable
from mintmark.site_file.tree import MAX_DEPTH, Tree, place_in

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\]:,"]+', re.ASCII)
_HINT = "text that starts with { is read as JSON"


def read_json(text: str) -> Tree:
    """Return the data and its faults. Raises InvalidFields where the text is no JSON."""
    _see_json(text)
    tree = Tree(lambda offset: place_in(text, offset))
    for match in _TOKEN.finditer(text):
        piece, at = match[0], match.start()
        if piece in ("{", "["):
            tree.begin({} if piece == "{" else [], at)
        elif piece in ("}", "]"):
            tree.end()
        elif piece.startswith('"'):
            tree.text(json.loads(piece) if "\\" in piece else piece[1:-1], at)
        elif piece in ("NaN", "Infinity", "-Infinity"):
            tree.fault(f"{piece} is no number in JSON", at)
            tree.plain("null", at)
        else:
            tree.plain(piece, at)
    return tree


def _see_json(text: str) -> None:
    """Raises InvalidFields. Numbers are not worked out: the time for a long one grows with its square."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise unreadable(f"{error.msg} ({_HINT})", error.lineno, error.colno) from None
    except RecursionError:
        raise unreadable(f"is nested more than {MAX_DEPTH} levels deep") from None
