"""The strings of the JSON text: plain characters, escapes, and the tags within them.

Rule: a tag stands in a string that is a value, not in a name and not in an escape; quotes within a tag are
the tag's.
"""

import re

from .blocks import Blocks, Tag
from .cursor import Cursor, is_comma
from .operators import Either
from .parts import Body, Fixed, Hole, Node, Part
from .problems import Fault
from .tags import Page, Places
from .tree import Literal, Text
from .values import LIST, unescaped

_ESCAPE_BEGUN = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{0,4})?')


class Strings(Cursor):
    """Reads strings: those that are names, and those that are values."""

    def __init__(self, page: Page, blocks: Blocks, places: Places) -> None:
        super().__init__(page, blocks, places)
        self._plain = re.compile(rf'[^"\\\x00-\x1f{page.mark}]+')

    def name(self) -> str:
        """Read a name, in which no tag may stand."""
        seen: list[Tag] = []
        parts = self.parts_of_text(seen)
        for tag in seen:
            self.refuse(tag, "a tag cannot stand in a name")
        return "".join(part.text for part in parts if isinstance(part, Fixed))

    def string(self) -> Node:
        at = self.at
        seen: list[Tag] = []
        parts = self.parts_of_text(seen)
        if not seen:
            return Literal("".join(part.text for part in parts if isinstance(part, Fixed)), self.place(at))
        for tag in seen:
            self._check_fits(tag)
        names = frozenset().union(*(tag.expression.names for tag in seen if tag.expression))
        first = next((tag for tag in seen if not tag.word), seen[0])
        return Text(parts, self.place_of(first), names)

    def _check_fits(self, tag: Tag) -> None:
        """Refuse a placeholder that gives no text: a list, or a comma that is not always there."""
        made = tag.expression
        if tag.word or made is None:
            return
        if made.kinds == {LIST}:
            self.refuse(tag, "a list cannot stand inside text", "take the quotes away, or use `join`")
        if isinstance(made, Either) and made.otherwise is None and is_comma(made) and not tag.omits:
            self.refuse(tag, "this has no value where its condition fails", 'add `else ""`, or use `join`')

    def parts_of_text(self, seen: list[Tag], *, is_branch: bool = False) -> list[Part]:
        """Read text up to its closing quote, or up to the end of a branch within it."""
        parts: list[Part] = []
        self.at += not is_branch
        while True:
            if text := self._fixed():
                parts.append(Fixed(text))
            char = self.text[self.at : self.at + 1]
            if char == '"' and not is_branch:
                self.at += 1
                return parts
            if char != self.mark:
                raise self.fault(_why_not_in_text(char))
            word = self.tags[self.at].word
            if word not in ("", "if", "for"):
                if not is_branch:
                    raise self.fault("the block was opened outside of this text")
                return parts
            tag = self.take()
            seen.append(tag)
            if word:
                parts.append(self.part(tag, lambda: Body(self.parts_of_text(seen, is_branch=True))))
            else:
                parts.append(Hole(self.spot(tag)))

    def _fixed(self) -> str:
        """Read plain characters and escapes, up to what is neither."""
        begun, pieces = self.at, []
        while found := self._plain.match(self.text, self.at) or _ESCAPE_BEGUN.match(self.text, self.at):
            self.at = found.end()
            pieces.append(found[0] if found[0][0] != "\\" or self._is_whole(found[0]) else "")
        try:
            return unescaped("".join(pieces))
        except Fault as fault:
            raise self.fault(fault.reason, at=begun + fault.at) from None

    def _is_whole(self, escape: str) -> bool:
        """Tell whether an escape is complete; one that a tag cuts off is the fault of that tag."""
        if len(escape) == (6 if escape[1:2] == "u" else 2):
            return True
        if self.text[self.at : self.at + 1] != self.mark:
            raise self.fault("this is no escape of JSON", "write \\\\ for a backslash")
        self.refuse(self.tags[self.at], "a tag cannot stand right after a backslash or inside an escape")
        return False


def _why_not_in_text(char: str) -> str:
    if not char:
        return "the text ends before this string does"
    return "a block is still open within this text" if char == '"' else "a control character stands in a text"
