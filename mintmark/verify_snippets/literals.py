"""Values as literals of a language, in code that somebody else will run.

Rule: few characters stand for themselves, none of which means anything within double quotes anywhere: every quote,
backslash, dollar, number sign, backquote and brace is escaped by its number, and so is all that is not ASCII (code
that looks like other code: CVE-2021-42574). A new language needs its escape, and nothing else.
"""

import re
from collections.abc import Callable
from typing import Any

_ESCAPED = re.compile(r"[^A-Za-z0-9 ._~:/@+=&?,()-]", re.ASCII)


def literal_writer(slug: str) -> Callable[[Any], str]:
    """Return what writes a text or a whole number as a literal of a language; anything else is a TypeError."""
    escape = _ESCAPES[slug]

    def write(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise TypeError(f"A literal is a text or a whole number, not {type(value).__name__}.")
        return '"' + _ESCAPED.sub(lambda found: escape(ord(found[0])), value) + '"'

    return write


def _four_or_eight(point: int) -> str:
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _in_braces(point: int) -> str:
    return f"\\u{{{point:x}}}"


def _of_java(point: int) -> str:
    """Write a character as Java does: `\\u0022` would end the text, for it is read before the quotes are (JLS §3.3)."""
    if point < 0x100:
        return f"\\{point:03o}"
    units = chr(point).encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_ESCAPES: dict[str, Callable[[int], str]] = {
    "python": _four_or_eight,
    "node": _in_braces,
    "ruby": _in_braces,
    "go": _four_or_eight,
    "php": _in_braces,
    "java": _of_java,
}
