"""What differs between two revisions of an asset, as people read it: the template by lines, the rest in words.

Rule: a secret is never shown, nor anything made of it. Characters that turn or hide text are
shown by their code, so that a difference cannot read otherwise than it is (CVE-2021-42574).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from mintmark.fields import is_same
from mintmark.models import Revision

SECRET = "secret"  # noqa: S105 — the name of a field.
# field of a definition → its label; held to the fields that there are by a test.
LABELS = {
    "path": "Path",
    "name": "Name",
    "template": "Template",
    "algorithm": "Algorithm",
    SECRET: "Secret",
    "headers": "Headers",
    "lifetime": "Lifetime",
    "backdate": "Backdate",
    "claims": "Claims of the site",
    "readers": "Readers",
    "editors": "Editors",
    "origins": "Origins",
    "answer": "Answer",
    "params": "Parameters",
    "live": "State",
}
_CONTEXT = 3
_MOST_PAIRS = 250_000  # of lines that are compared with each other; beyond that all were replaced.
_MOST_SAME = 10_000  # of these pairs that are the same: each may be looked at once for every line.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; what it was and is, in words."""

    name: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a template: the same, added, removed, or some that are left out (`gap`)."""

    kind: Literal["same", "added", "removed", "gap"]
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two revisions: fields in words, and the lines of the template around what differs."""

    changes: list[Change]
    is_other_secret: bool
    lines: list[Line]


def changed_fields(before: Revision, after: Revision) -> list[str]:
    """Return the names of the fields that differ, `secret` among them."""
    one, other = before.definition, after.definition
    names = [name for name in {**other, **one} if not is_same(one.get(name), other.get(name))]
    return [*names, SECRET] if before.secret_id != after.secret_id else names


def difference(before: Revision, after: Revision, group_names: Mapping[str, str]) -> Difference:
    """Say what makes one revision another. `group_names` is id → name."""
    names = changed_fields(before, after)
    changes = [
        Change(
            name, label_of(name), *(in_words(name, each.definition.get(name), group_names) for each in (before, after))
        )
        for name in names
        if name not in ("template", SECRET)
    ]
    lines = template_lines(before.definition["template"], after.definition["template"]) if "template" in names else []
    return Difference(changes, SECRET in names, lines)


def label_of(name: str) -> str:
    """Return what a field is called on screen."""
    return LABELS.get(name, name)


def template_lines(before: str, after: str) -> list[Line]:
    """Return the lines that differ between two texts, with some around them."""
    one, other = before.split("\n"), after.split("\n")
    start = _count_same(one, other)
    end = _count_same(one[start:][::-1], other[start:][::-1])
    head, tail = one[:start], one[len(one) - end :]
    middle = [*_compared(one[start : len(one) - end], other[start : len(other) - end])]
    shown = [*_kept(head, last=True), *middle, *_kept(tail, last=False)]
    return [Line(line.kind, visible(line.text)) for line in shown]


def visible(text: str) -> str:
    """Return text with what turns or hides it shown by its code; tabs and line ends stay."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def in_words(name: str, value: Any, group_names: Mapping[str, str]) -> str:
    """Say in words what the value of a field is."""
    if name in ("readers", "editors"):
        return visible(_groups_in_words(value, group_names))
    say = _WORDS.get(name)
    if say is not None and value is not None:
        return visible(say(value))
    if name == "lifetime":
        return "never expires"
    return visible(value if isinstance(value, str) else _json(value))


def _count_same(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((count for count, (here, there) in enumerate(pairs) if here != there), min(len(one), len(other)))


def _compared(one: list[str], other: list[str]) -> Iterator[Line]:
    counts = Counter(other)
    same = sum(counts[line] for line in one)
    if len(one) * len(other) > _MOST_PAIRS or same > _MOST_SAME:  # What somebody saves makes no page take long.
        yield from _replaced(one, other)
        return
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from _same(one[i1:i2])
        else:
            yield from _replaced(one[i1:i2], other[j1:j2])


def _replaced(one: Sequence[str], other: Sequence[str]) -> Iterator[Line]:
    yield from (Line("removed", text) for text in one)
    yield from (Line("added", text) for text in other)


def _same(lines: Sequence[str]) -> Iterator[Line]:
    """Lines between two differences; of many only those near them."""
    if len(lines) <= 2 * _CONTEXT + 1:
        yield from (Line("same", text) for text in lines)
        return
    yield from (Line("same", text) for text in lines[:_CONTEXT])
    yield _gap(len(lines) - 2 * _CONTEXT)
    yield from (Line("same", text) for text in lines[-_CONTEXT:])


def _kept(lines: Sequence[str], *, last: bool) -> list[Line]:
    """Lines before the first difference (their last ones), or behind the last (their first)."""
    if len(lines) <= _CONTEXT + 1:
        return [Line("same", text) for text in lines]
    near = [Line("same", text) for text in (lines[-_CONTEXT:] if last else lines[:_CONTEXT])]
    gap = _gap(len(lines) - _CONTEXT)
    return [gap, *near] if last else [*near, gap]


def _gap(count: int) -> Line:
    return Line("gap", f"{count} lines that are the same")


def _groups_in_words(value: Any, names: Mapping[str, str]) -> str:
    if value == "everyone":
        return "anybody who is signed in"
    return ", ".join(sorted(names.get(each, "a group that is gone") for each in value or ())) or (
        "nobody but administrators"
    )


def duration(seconds: int) -> str:
    """Say 5400 as “1 hour 30 minutes”."""
    pieces = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            pieces.append(f"{count} {unit}{'s' if count != 1 else ''}")
    return " ".join(pieces) or "0 seconds"


def _answer_in_words(answer: Mapping[str, Any]) -> str:
    methods = " and ".join(answer["methods"])
    if answer["form"] == "raw":
        return f"the token itself, to {methods}"
    beside = f", beside it {_json(answer['beside'])}" if answer["beside"] else ""
    return f"JSON with the token in “{answer['field']}”{beside}, to {methods}"


def _params_in_words(params: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{param['name']}, one of {', '.join(param['one_of'])}" if "one_of" in param else param["name"]
        for param in params
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_WORDS: dict[str, Any] = {
    "lifetime": duration,
    "backdate": duration,
    "claims": lambda switches: ", ".join(name for name, is_on in switches.items() if is_on) or "none",
    "origins": lambda origins: ", ".join(origins) or "none",
    "headers": lambda headers: "; ".join(f"{name}: {value}" for name, value in headers.items()) or "none",
    "answer": _answer_in_words,
    "params": lambda params: _params_in_words(params) or "none",
    "live": lambda is_live: "live" if is_live else "switched off",
}
