"""What is wrong with a site file: collected, put in the order of the file, and said all at once.

Rule: one problem is one line, whatever stands in the file: what does not print is shown as an
escape, so that no file can write its own lines, or move the cursor, in an administrator's terminal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mintmark.errors import FieldError, InvalidFields

FILE = "site file"
MAX_PROBLEMS = 10_000  # are told at once; the rest is counted
_LONGEST_NAME = 255  # of an entry, as lines show it: no path and no username is longer.


@dataclass(slots=True)
class Entry:
    """One entry of a section: its checked `values`, and the fields of which a problem was said (`faulty`).

    Without a usable name it has no `key`. `place` orders problems as the file does: number of the
    section, number of the entry from 1.
    """

    section: str
    place: tuple[int, int]
    label: str
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)


class Problems:
    """Collects what is wrong."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[int, int], str, str]] = []
        self._untold = 0

    def add(self, entry: Entry, field: str, words: str) -> None:
        """Say that a field of an entry is wrong."""
        entry.faulty.add(field)
        if len(self._found) < MAX_PROBLEMS:
            self._found.append((entry.place, f"{entry.label}: {printable(field)}", printable(words)))
        else:
            self._untold += 1

    def add_of_file(self, field: str, words: str) -> None:
        """Say that the file as such is wrong."""
        self._found.append(((-1, 0), f"{FILE}: {printable(field)}", printable(words)))

    @contextmanager
    def catching(self, entry: Entry, field: str) -> Iterator[None]:
        """Say what a reader of one field refuses."""
        try:
            yield
        except FieldError as error:
            self.add(entry, field, str(error))

    def copy(self) -> "Problems":
        """Return a collection that begins with what was said so far."""
        other = Problems()
        other._found, other._untold = self._found.copy(), self._untold
        return other

    def see_none(self) -> None:
        """Raises InvalidFields with everything that was said, in the order of the file."""
        if not self._found:
            return
        told = [(field, words) for _, field, words in sorted(self._found, key=lambda one: one[0])]
        if self._untold:
            told.append((f"{FILE}: text", f"{self._untold} more problems are told when these are mended"))
        raise InvalidFields(told)


def unreadable(words: str, line: int = 0, column: int = 0) -> InvalidFields:
    """Return the error for text that cannot be read on from some place."""
    place = f"line {line}, column {column}" if line else "text"
    return InvalidFields([(f"{FILE}: {place}", printable(words))])


def printable(text: str, longest: int = 2_000) -> str:
    """Return text as it may stand in a line of output."""
    text = text if len(text) <= longest else text[:longest] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def label_of(section: str, name: str) -> str:
    """Return how an entry is called in output: `people jsmith`."""
    return f"{section} {printable(name, _LONGEST_NAME)}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
