"""What text, numbers and lists somebody enters may be; the same at form, command and import.

Each reader returns the checked value or raises FieldError with what to do. Text is valid
Unicode without NUL (PostgreSQL takes none) or lone surrogates (UTF-8 has none).
"""

import json
import math
import re
import unicodedata
from typing import Any

from mintmark.errors import FieldError

MAX_USERNAME = 150
MAX_NAME = 255
MAX_TEXT = 2_000
MAX_ITEMS = 1_000
MAX_DIGITS = 20
ATTRIBUTE_TYPES = ("text", "number", "boolean", "list")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
# Unicode letters that show as nothing: Hangul fillers, Braille blank, combining grapheme joiner.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
# These show as nothing and are letters' marks to Unicode, not formats: Khmer inherent vowels, variation selectors.
_SELECTORS = re.compile("[\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Controls, and what turns the direction of a line, breaks or hides it; joiners of emoji stay as they are.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]")


def read_text(value: Any, field: str, *, longest: int = MAX_NAME, may_be_empty: bool = False) -> str:
    """Return text. Raises FieldError."""
    if not isinstance(value, str):
        raise FieldError(f"takes text, not {_kind(value)}", field)
    if not value and not may_be_empty:
        raise FieldError("is empty", field)
    if len(value) > longest:
        raise FieldError(f"has {len(value)} characters; at most {longest} are possible", field)
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise FieldError("holds a character that is no text (NUL or half of a surrogate pair)", field)
    return value


def read_optional_text(value: Any, field: str, *, longest: int = MAX_NAME) -> str | None:
    """Return text or None. Raises FieldError."""
    return None if value is None else read_text(value, field, longest=longest, may_be_empty=True)


def read_identifier(value: Any, field: str) -> str:
    """Return a username or the name of a group: what people type and compare by eye. Raises FieldError."""
    text = read_text(value, field, longest=MAX_USERNAME)
    if text != text.strip():
        raise FieldError("has white space at its beginning or end", field)
    if text != unicodedata.normalize("NFC", text):
        raise FieldError("is not in Unicode normal form C; type it again on an ordinary keyboard", field)
    if unseen := find_unseen(text):
        raise FieldError(f"holds a control or invisible character (U+{ord(unseen):04X})", field)
    return text


def find_unseen(text: str) -> str | None:
    """Return the first character that is a control, shows as nothing, or is white space other than a space."""
    for character in text:
        if character in _BLANK or (unicodedata.category(character)[0] in "CZ" and character != " "):
            return character
    return None


def find_hidden(text: str) -> str | None:
    """Return the first character by which one text could pass for another: unseen, or a mark that shows nothing."""
    found = _SELECTORS.search(text)
    return found[0] if found else find_unseen(text)


def identifier_key(text: str) -> str:
    """Return what is equal for two identifiers that differ in case only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def read_name(value: Any, field: str) -> str:
    """Return the name of an attribute, as templates write it. Raises FieldError."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise FieldError("takes a–z, 0–9 and “_”, at most 40 characters, and starts with a letter", field)
    return value


def read_boolean(value: Any, field: str) -> bool:
    """Return true or false. Raises FieldError."""
    if not isinstance(value, bool):
        raise FieldError(f"takes true or false, not {_kind(value)}", field)
    return value


def read_whole(value: Any, field: str, low: int, high: int) -> int:
    """Return a whole number. Raises FieldError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FieldError(f"takes a whole number from {low} to {high:,}".replace(",", " "), field)
    return value


def may_repeat(text: str, longest: int = 128) -> bool:
    """Tell whether what somebody gave as a key id may be said again: no private key that was pasted there may."""
    return len(text) <= longest and "-----" not in text and not {"\n", "\r", "{"} & set(text)


def read_choice(value: Any, field: str, choices: tuple[str, ...]) -> str:
    """Return one of several words. Raises FieldError."""
    if value not in choices or not isinstance(value, str):
        raise FieldError(f"takes one of {', '.join(choices)}", field)
    return value


def read_object(value: Any, field: str) -> dict[str, Any]:
    """Return a mapping with text as its names. Raises FieldError."""
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise FieldError(f"takes fields with values, not {_kind(value)}", field)
    return value


def read_list(value: Any, field: str, *, most: int = MAX_ITEMS) -> list[Any]:
    """Return a list. Raises FieldError."""
    if not isinstance(value, list):
        raise FieldError(f"takes a list, not {_kind(value)}", field)
    if len(value) > most:
        raise FieldError(f"has {len(value)} items; at most {most} are possible", field)
    return value


def read_texts(value: Any, field: str, *, longest: int = MAX_NAME) -> list[str]:
    """Return a list of text. Raises FieldError."""
    return [read_text(item, field, longest=longest) for item in read_list(value, field)]


def read_set(value: Any, field: str) -> list[str]:
    """Return texts sorted, each once. Raises FieldError."""
    return sorted(set(read_texts(value, field)))


def read_attribute(value: Any, field: str, kind: str) -> Any:
    """Return the value of a custom attribute of type `kind`; None is unset. Raises FieldError."""
    if value is None:
        return None
    if kind == "boolean":
        return read_boolean(value, field)
    if kind == "list":
        return [read_text(item, field, longest=MAX_TEXT, may_be_empty=True) for item in read_list(value, field)]
    if kind == "number":
        return read_number(value, field)
    return read_text(value, field, longest=MAX_TEXT, may_be_empty=True)


def read_number(value: Any, field: str) -> int | float:
    """Return a finite number of at most 20 digits. Raises FieldError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(f"takes a number, not {_kind(value)}", field)
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) >= 10**MAX_DIGITS):
        raise FieldError(f"takes a finite number of at most {MAX_DIGITS} digits", field)
    return value


def read_json(value: Any, field: str, *, depth: int = 8) -> Any:
    """Return a JSON value of at most `depth` levels, its texts and numbers bounded. Raises FieldError."""
    if isinstance(value, dict | list) and not depth:
        raise FieldError("is nested too deeply", field)
    if isinstance(value, dict):
        names = [read_text(name, field, longest=MAX_TEXT, may_be_empty=True) for name in value]
        return dict(zip(names, read_json([*value.values()], field, depth=depth), strict=True))
    if isinstance(value, list):
        return [read_json(item, field, depth=depth - 1) for item in value]
    if isinstance(value, str):
        return read_text(value, field, longest=MAX_TEXT, may_be_empty=True)
    return value if value is None or isinstance(value, bool) else read_number(value, field)


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same as JSON; to Python, true is 1 and 1 is 1.0, inside objects too."""
    if one != other:
        return False
    return isinstance(one, str) or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "this")
