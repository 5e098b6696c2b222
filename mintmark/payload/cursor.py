"""Where the descent over the JSON text stands, and what strings, lists and objects need alike.

Rule: it only goes forward. A fault of the JSON ends it; a fault of one tag's place is noted and read over.
"""

import re
from collections.abc import Callable
from typing import Any

from .blocks import Blocks, Tag
from .expressions import NO_KINDS, Expression, Literal
from .operators import Either
from .parts import Body, Choice, Loop, Part
from .problems import Fault
from .spots import Spot
from .tags import Page, Places

_SPACE = re.compile(r"[ \t\n]*")


class Cursor:
    """A place in the JSON text of a page, with the tags that stand in it."""

    def __init__(self, page: Page, blocks: Blocks, places: Places) -> None:
        self.text, self.mark = page.json, page.mark
        self.tags = blocks.tags
        self.faults: list[Fault] = []  # of tags that stand wrongly, read over
        self.at = 0
        self._page, self._places = page, places

    def look(self) -> str:
        """Skip white space; give the character after it, or nothing at the end."""
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it always matches
        return self.text[self.at : self.at + 1]

    def fault(self, reason: str, hint: str = "", *, at: int = -1) -> Fault:
        """Make the fault that ends the descent, here or at another offset of the JSON text."""
        at = self.at if at < 0 else at
        if at in self.tags:
            tag = self.tags[at]
            reason = f"a {'block' if tag.word else 'placeholder'} cannot stand here: {reason}"
            if is_comma(tag.expression):
                hint = "delete it; the site writes the commas"
        return Fault(reason, hint, at=self._page.place(at))

    def refuse(self, tag: Tag, reason: str, hint: str = "") -> None:
        """Note that a tag stands wrongly, and go on."""
        self.faults.append(Fault(reason, hint, at=tag.at))

    def place(self, at: int) -> tuple[int, int]:
        """Give line and column of an offset of the JSON text."""
        return self._places.of(self._page.place(at))

    def place_of(self, tag: Tag) -> tuple[int, int]:
        """Give line and column of a tag."""
        return self._places.of(tag.at)

    def spot(self, tag: Tag) -> Spot:
        """Make the node of a tag's expression; that of a faulty one is never used."""
        return Spot(tag.expression or Expression(NO_KINDS), self.place_of(tag), omits=tag.omits)

    def take(self) -> Tag:
        """Take the tag that stands here."""
        tag = self.tags[self.at]
        self.at += 1
        return tag

    def part(self, tag: Tag, branch: Callable[[], Body]) -> Part:
        """Read a block around members, items or text, whose first tag was taken."""
        branches = self.branches(tag, branch)
        if tag.word == "for":
            otherwise = branches[1][1] if len(branches) > 1 else Body([])
            return Loop(self.spot(tag), tag.depth, branches[0][1], otherwise)
        return Choice(branches)

    def branches(self, tag: Tag, branch: Callable[[], Any]) -> list[tuple[Spot | None, Any]]:
        """Read the branches of a block whose first tag was taken, up to its end."""
        found = []
        while not tag.word.startswith("end"):
            found.append((None if tag.word == "else" else self.spot(tag), branch()))
            tag = self.take()
        return found


def is_comma(expression: Expression | None) -> bool:
    """Tell whether an expression writes a comma between items, as one does in plain Jinja."""
    if isinstance(expression, Either):
        return is_comma(expression.then) or is_comma(expression.otherwise)
    return isinstance(expression, Literal) and isinstance(expression.literal, str) and expression.literal.strip() == ","
