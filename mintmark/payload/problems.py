"""What can be wrong with a template, said to the administrator who wrote it.

Rule: the words name places, names and types, never the value of anybody's attribute.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One fault of a template: where (from 1, in characters of the stored text), why, and what to do."""

    line: int
    column: int
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}" + (f" ({self.hint})" if self.hint else "")


class TemplateError(Exception):
    """A template that cannot be kept, or one that fails for this person.

    From `compile`, `problems` holds everything that `check` would list, in the order of the text. From
    `render` it holds one problem, and `name` the dotted name that was missing (`"user.last_name"`), or None
    where something else went wrong. `line`, `column`, `reason` and `hint` are those of the first problem.
    """

    def __init__(self, problems: Sequence[Problem], name: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)
        self.name = name
        self.line, self.column = problems[0].line, problems[0].column
        self.reason, self.hint = problems[0].reason, problems[0].hint


class Fault(Exception):
    """A fault whose place is known to who catches it; or, with `at`, one at an offset of the text."""

    def __init__(self, reason: str, hint: str = "", *, at: int = -1, name: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.hint, self.at, self.name = reason, hint, at, name


def shown(name: str) -> str:
    """Give a name of the template as it can stand in a message: short, on one line, all visible."""
    short = name if len(name) <= 60 else name[:57] + "…"
    return short if short.isprintable() else ascii(short)[1:-1]
