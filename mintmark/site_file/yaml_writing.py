"""Values as YAML that our own reader reads back as the very same, and that people like to read.

Rule: text stands plain only where no reader of YAML 1.1 or 1.2 takes it for anything else; all
other text stands in quotes, with what does not print as escapes; text of several lines is a
literal block where that keeps every character.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST_FLOW = 100
_LONGEST_NAME = 100  # YAML takes no longer ones than 1,024 without “?”
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_WORDS = frozenset("true false null yes no on off y n".split())


def entry_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one entry of a section, its fields in the given order."""
    mark = "  - "
    for name, value in entry.items():
        yield from _field_lines(mark, name, value)
        mark = "    "


def scalar(value: Any) -> str:
    """Return a text, number, boolean or null on one line."""
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = _PLAIN.fullmatch(value) and len(value) <= _LONGEST_FLOW and value.lower() not in _WORDS
    return value if is_plain or _UUID.fullmatch(value) else _quoted(value)


def flow(value: Any) -> str:
    """Return any value on one line, its names sorted."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(_name(name) + flow(value[name]) for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def _name(name: str) -> str:
    text = scalar(name)
    return f"{text}: " if len(text) <= _LONGEST_NAME else f"? {text} : "


def _field_lines(mark: str, name: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value and (header := _block_header(value)):
        yield f"{mark}{name}: {header}\n"
        for line in value.removesuffix("\n").split("\n"):
            yield f"      {line}\n" if line else "\n"
        return
    text = flow(value)
    # A long name needs “?”, which between braces may stand on one line with its value.
    has_long_name = isinstance(value, Mapping) and any(_name(key).startswith("?") for key in value)
    if len(text) <= _LONGEST_FLOW or has_long_name or not isinstance(value, list | Mapping):
        yield f"{mark}{name}: {text}\n"
        return
    yield f"{mark}{name}:\n"
    if isinstance(value, list):
        yield from (f"      - {flow(item)}\n" for item in value)
    else:
        yield from (f"      {_name(key)}{flow(value[key])}\n" for key in sorted(value))


def _block_header(text: str) -> str:
    """Return how a literal block of this text begins; nothing where one could not keep it."""
    if not text.strip("\n") or not text.replace("\n", "").replace("\t", "").isprintable():
        return ""
    # Where the first line could be taken for indentation, the indentation is said (2 more than the entry's).
    indentation = "2" if text[0] in " \t\n" else ""
    if not text.endswith("\n"):
        return f"|{indentation}-"
    return f"|{indentation}+" if text.endswith("\n\n") else f"|{indentation}"


def _quoted(text: str) -> str:
    """Return a double-quoted scalar; JSON's escapes are YAML's too."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
