"""Claims as a page shows them: one row for each value, and in words where it came from.

Pure. Values stand as JSON, so that a text and a number cannot be taken for each other, and
characters that would turn or hide what stands around them stand as escapes (CVE-2021-42574).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mintmark.fields import UNSEEN
from mintmark.payload import Source

MAX_ROWS = 200
_MAX_PATH = 120
_LAST_MOMENT = 253_402_300_799  # The end of the year 9999.
_MOMENTS = frozenset({"exp", "nbf", "iat", "auth_time", "updated_at"})
_PLAIN = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One value: its place among the claims, itself as JSON, and where it came from (with `names` as code).

    `line` is that of the template. `at` is set where the value is a moment, in seconds since 1970.
    """

    path: str
    value: str
    origin: str = ""
    line: int | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The first rows, and whether there are more."""

    rows: tuple[Row, ...]
    has_more: bool


def rows_of(
    values: Mapping[str, Any], sources: Mapping[Any, Source] | None = None, definition: Mapping[str, Any] | None = None
) -> Rows:
    """Return the rows of claims or of a header; with `sources` and the asset's definition, where each came from."""
    found = [*islice(_rows(values, sources, definition), MAX_ROWS + 1)]
    return Rows(tuple(found[:MAX_ROWS]), len(found) > MAX_ROWS)


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON to look at; to parse it gives the very value."""
    return UNSEEN.sub(
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}",
        json.dumps(value, ensure_ascii=False, indent=indent),
    )


def _rows(
    values: Mapping[str, Any], sources: Mapping[Any, Source] | None, definition: Mapping[str, Any] | None
) -> Iterator[Row]:
    for path, value in _leaves(values, (), sources):
        at = float(value) if len(path) == 1 and path[0] in _MOMENTS and is_moment(value) else None
        source = sources.get(path) if sources else None
        origin = _origin(source) if source else _site_origin(path[0], definition) if definition else ""
        yield Row(_path_words(path), as_json(value), origin, source.line if source else None, at)


def _leaves(
    value: Any, path: tuple[str | int, ...], sources: Mapping[Any, Source] | None
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Go down to what one row shows: a value, an empty object or list, a list that came as one."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        inner = [*value.items()]
    elif isinstance(value, list) and not _is_one(value, path, sources):
        inner = [*enumerate(value)]
    if path and not inner:
        yield path, value
    for name, part in inner:
        yield from _leaves(part, (*path, name), sources)


def _is_one(value: list[Any], path: tuple[str | int, ...], sources: Mapping[Any, Source] | None) -> bool:
    """Tell whether a list came whole from one placeholder or, where nobody knows, holds plain values only."""
    if sources is None:
        return not any(isinstance(item, list | Mapping) for item in value)
    return path in sources and bool(sources[path].names)


def is_moment(value: Any) -> bool:
    """Tell whether a value is a moment as tokens write it (NumericDate, RFC 7519 §2), up to the year 9999."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_MOMENT


def _path_words(path: tuple[str | int, ...]) -> str:
    first, *others = path
    words = as_json(first)[1:-1].replace('\\"', '"')
    for name in others:
        if len(words) > _MAX_PATH:
            break
        plain = isinstance(name, str) and _PLAIN.fullmatch(name)
        words += f".{name}" if plain else f"[{as_json(name)}]"
    return words if len(words) <= _MAX_PATH else words[:_MAX_PATH] + "…"


def _origin(source: Source) -> str:
    if source.is_literal:
        return "the asset’s fixed text" if source.type == "text" else f"fixed by the asset ({source.type})"
    if not source.names:
        return f"worked out by the template ({source.type})"
    names = [f"`{name}`" for name in sorted(source.names)]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"from {listed} ({source.type})" + (" with a default" if source.took_default else "")


def _site_origin(name: str | int, definition: Mapping[str, Any]) -> str:
    backdate = definition["backdate"]
    moment = "the moment of issue" + (f" less {backdate} seconds" if backdate else "")
    words = {"iat": moment, "nbf": moment, "exp": f"{moment} and the lifetime", "jti": "random"}
    return f"set by the site: {words[str(name)]}"
