"""What differs between two revisions of an asset, as people read it: the template by lines, the rest in words.

Rule: a secret is never shown, nor anything made of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from mintmark.assets.credentials import Credentials
from mintmark.assets.in_words import NEXT_SECRET, SECRET, in_words, label_of, visible
from mintmark.fields import is_same
from mintmark.models import Revision
from mintmark.moment import iso

_CONTEXT = 3
_MOST_PAIRS = 250_000  # of lines that are compared with each other; beyond that all were replaced.
_MOST_SAME = 10_000  # of these pairs that are the same: each may be looked at once for every line.


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
    if _is_other_secret(before, after):
        names.append(SECRET)
    if (before.next_secret_id, before.next_from_at) != (after.next_secret_id, after.next_from_at):
        names.append(NEXT_SECRET)
    return names


def _is_other_secret(before: Revision, after: Revision) -> bool:
    """Tell whether another secret signed once the later one was saved; not where either has a signing key."""
    later = max(before.at, after.at)
    one, other = (Credentials.of(each).present_secret_id(later) for each in (before, after))
    return one is not None and other is not None and one != other


def difference(before: Revision, after: Revision, group_names: Mapping[str, str]) -> Difference:
    """Say what makes one revision another. `group_names` is id → name, of groups and of rings."""
    names = changed_fields(before, after)
    changes = [
        Change(
            name, label_of(name), *(in_words(name, each.definition.get(name), group_names) for each in (before, after))
        )
        for name in names
        if name not in ("template", SECRET, NEXT_SECRET)
    ]
    if NEXT_SECRET in names:
        changes.append(Change(NEXT_SECRET, label_of(NEXT_SECRET), *_next_in_words(before, after)))
    lines = template_lines(before.definition["template"], after.definition["template"]) if "template" in names else []
    return Difference(changes, SECRET in names, lines)


def _next_in_words(before: Revision, after: Revision) -> Iterator[str]:
    """Say of each of two revisions what secret is to follow, and when."""
    is_other = before.next_secret_id is not None and after.next_secret_id not in (None, before.next_secret_id)
    for revision in (before, after):
        another = "another one " if is_other and revision is after else ""
        if revision.next_secret_id is None:
            yield "none"
        elif revision.next_from_at is None:
            yield f"{another}staged"
        else:
            yield f"{another}signs from {iso(revision.next_from_at)}"


def template_lines(before: str, after: str) -> list[Line]:
    """Return the lines that differ between two texts, with some around them."""
    one, other = before.split("\n"), after.split("\n")
    start = _count_same(one, other)
    end = _count_same(one[start:][::-1], other[start:][::-1])
    head, tail = one[:start], one[len(one) - end :]
    middle = [*_compared(one[start : len(one) - end], other[start : len(other) - end])]
    shown = [*_kept(head, last=True), *middle, *_kept(tail, last=False)]
    return [Line(line.kind, visible(line.text)) for line in shown]


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
