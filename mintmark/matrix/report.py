"""What a conversion says: the template, a row for each place that was looked at, and what to declare first.

Rule: a row names its line and says everything that the new template does otherwise than the old payload did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mintmark.payload import Problem

CARRIED, SAFE, DIFFERS, LOST = "carried over", "made safe", "differs", "cannot be carried over"
_RANK = (CARRIED, SAFE, DIFFERS, LOST)


class Lost(Exception):
    """A keyword that cannot be carried over, and why."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a keyword; its kind is CARRIED where nothing is otherwise than before."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One place of the payload: its line from 1, what stood there, what stands there now, what to know."""

    line: int
    keyword: str
    became: str
    notes: tuple[Note, ...] = ()

    @property
    def kind(self) -> str:
        """Return the gravest of its notes."""
        return max((note.kind for note in self.notes), key=_RANK.index, default=CARRIED)

    @property
    def words(self) -> str:
        """Return its notes as one text."""
        return " ".join(note.words for note in self.notes)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted payload: the template, its report by line, what it wants declared, what is wrong with it.

    `attributes` are those that the site does not have yet (name → type), `params` those of the asset; `problems`
    are the template's own, with both declared.
    """

    template: str
    rows: Sequence[Row]
    attributes: dict[str, str] = field(default_factory=dict)
    params: Sequence[str] = ()
    problems: Sequence[Problem] = ()

    @property
    def lost(self) -> list[Row]:
        """Return the rows of what could not be carried over."""
        return [row for row in self.rows if row.kind == LOST]

    @property
    def is_whole(self) -> bool:
        """Tell whether everything was carried over and the template can be saved."""
        return not self.problems and not self.lost
