"""What a preset asks for, and what an answer may be.

An answer is text; its kind decides which, so that nothing that is typed there can be more than what was asked
for: a subdomain is no address, and an address is no other host.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import MAX_NAME, read_text

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?&=%@,;+\[\]-]+", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_OURS = ("exp", "iat", "jti", "nbf")  # No template may write these: they are the site's own.
_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}", re.ASCII)
_LETTERS = re.compile(r"[A-Za-z]{1,60}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9._~:@/+=*-]{1,255}", re.ASCII)
_LONGEST = {"json": 2_000, "object": 2_000, "address": 1_000}  # What of an answer may be longer than a name.


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that only the administrator knows: its name, its label, and where at the service it is found."""

    name: str
    label: str
    where: str
    kind: str = "text"
    example: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()


def read_answers(questions: tuple[Question, ...], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the answer to every question. Raises InvalidFields, by their names."""
    problems, answers = [], {}
    for name in given:
        if name not in {question.name for question in questions}:
            problems.append((name[:40], "is not asked for by this preset"))
    for question in questions:
        try:
            answers[question.name] = read_answer(question, given.get(question.name))
        except FieldError as error:
            problems.append((question.name, str(error)))
    if problems:
        raise InvalidFields(problems)
    return answers


def read_answer(question: Question, value: Any) -> str:
    """Return the answer to one question, or its default. Raises FieldError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # A file may well say 10 for a number.
    if value is None or value == "":
        if question.default is None:
            raise FieldError("is missing", question.name)
        return question.default
    text = read_text(value, question.name, longest=_LONGEST.get(question.kind, MAX_NAME))
    if question.choices and text not in question.choices:
        raise FieldError(f"takes one of {', '.join(question.choices)}", question.name)
    is_good, words = KINDS[question.kind]
    if not is_good(text):
        raise FieldError(words, question.name)
    return text


def _is_address(text: str) -> bool:
    """An https address without a fragment, somebody's password or dots that lead elsewhere."""
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = "@" not in parts.netloc and ".." not in parts.path and (port is None or port > 0)
    is_safe = parts.scheme == "https" or host in ("localhost", "127.0.0.1")
    return is_plain and is_safe and _HOST.fullmatch(host) is not None


def _is_site(text: str) -> bool:
    return _is_address(text) and not text.endswith("/") and not set("?%;") & set(text)


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def _is_host_and_port(text: str) -> bool:
    name, colon, port = text.partition(":")
    return _is_host(name) and (not colon or (_PORT.fullmatch(port) is not None and int(port) < 65_536))


def _is_json(text: str, kind: type = object) -> bool:
    """JSON that all readers read alike: no name twice, no number beyond a float (RFC 8259 §4, §6)."""
    try:
        found = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, parse_int=_finite, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        return False
    return isinstance(found, kind)


def _refuse(words: str) -> NoReturn:
    raise ValueError(words)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _refuse("a name stands there twice")


# kind → what tells whether an answer is one, and what it takes, in words.
KINDS: dict[str, tuple[Callable[[str], bool], str]] = {
    "text": (lambda text: text.isprintable() and text == text.strip(), "takes text without white space at its ends"),
    "id": (lambda text: _TOKEN.fullmatch(text) is not None, "takes A–Z a–z 0–9 and . _ ~ : @ / + = * -"),
    "subdomain": (
        lambda text: _LABEL.fullmatch(text) is not None,
        "takes a–z, 0–9 and, between them, “-”; no dots",
    ),
    "host": (_is_host, "takes a host name in lower case, without https://, a port or a path"),
    "host_and_port": (
        _is_host_and_port,
        "takes a host name in lower case, with its port after “:” if need be, without https:// and without a path",
    ),
    "site": (_is_site, "takes an address that begins with https:// (or http://localhost), without a slash at its end"),
    "address": (_is_address, "takes a whole address that begins with https:// (or http://localhost)"),
    "whole": (lambda text: re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) is not None, "takes a whole number"),
    "claim": (
        lambda text: _CLAIM.fullmatch(text) is not None and text not in _OURS,
        "takes letters, digits and “_”, a letter first, but not exp, iat, jti or nbf: the site writes those",
    ),
    "letters": (
        lambda text: _LETTERS.fullmatch(text) is not None and text not in _OURS,
        "takes letters, but not exp, iat, jti or nbf: the site writes those",
    ),
    "json": (_is_json, "takes JSON, with no name twice and no number that is too large"),
    "object": (
        lambda text: _is_json(text, dict),
        'takes a JSON object, as {"name": …}, with no name twice and no number that is too large',
    ),
}
