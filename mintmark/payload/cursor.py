"""A place in the JSON text of a page: what is read there that is no object, list or block.

Rule: it only goes forward. A fault of the JSON ends the reading, with the first character that cannot stand there; a
fault that concerns the place of one tag only is noted and read over.
"""

import re

from .page import Lines, Page, Tag
from .problems import Fault
from .tags import NO_EXPRESSION
from .tree import Place, Spot
from .values import JSON_NUMBER, number, unescaped

_SPACE = re.compile(r"[ \t\n]*")
_ESCAPE_BEGUN = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{0,4})?')
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE][+-]?[0-9]*)?)?|[eE][+-]?[0-9]*)?)?")
_WORDS: dict[str, tuple[str, bool | None]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


class Cursor:
    """Reads the JSON text of a page from its beginning, with the tags that stand in it."""

    def __init__(self, page: Page, lines: Lines) -> None:
        self.at, self.mark = 0, page.mark
        self.faults: list[Fault] = []  # of tags that stand wrongly, read over
        self._page, self._lines = page, lines
        self._plain = re.compile(rf'[^"\\\x00-\x1f{page.mark}]+')

    @property
    def char(self) -> str:
        """Give the character here, or nothing at the end."""
        return self._page.json[self.at : self.at + 1]

    @property
    def tag(self) -> Tag | None:
        """Give the tag that stands here, if one does."""
        return self._page.marked.get(self.at)

    def look(self) -> str:
        """Skip white space; give the character after it, or nothing at the end."""
        self.at = _SPACE.match(self._page.json, self.at).end()  # type: ignore[union-attr]  # it always matches
        return self.char

    def take(self) -> Tag:
        """Take the tag that stands here."""
        self.at += 1
        return self._page.marked[self.at - 1]

    def place(self, at: int) -> Place:
        """Give line and column of an offset of the JSON text."""
        return self._lines.of(self._page.places[at])

    def spot(self, tag: Tag) -> Spot:
        """Give the expression of a tag at its place."""
        return Spot(tag.expression or NO_EXPRESSION, self._lines.of(tag.at), omits=tag.omits)

    def fault(self, reason: str, hint: str = "", *, at: int = -1) -> Fault:
        """Make the fault that ends the reading, here or at another offset of the JSON text."""
        at = self.at if at < 0 else at
        if tag := self._page.marked.get(at):
            reason = f"a {'block' if tag.word else 'placeholder'} cannot stand here: {reason}"
            hint = "delete it; the site writes the commas" if tag.comma else hint
        return Fault(reason, hint, at=self._page.places[at])

    def refuse(self, tag: Tag, reason: str, hint: str = "") -> None:
        """Note that a tag stands wrongly, and go on."""
        self.faults.append(Fault(reason, hint, at=tag.at))

    def literal(self) -> str | int | float | bool | None:
        """Read `true`, `false`, `null` or a number."""
        char = self.char
        if char and char in "-0123456789":
            return self._number()
        if char not in _WORDS:
            hint = "a text stands between double quotes" if char not in ("", ",", "}", "]") else ""
            raise self.fault("a value is expected", hint)
        word, value = _WORDS[char]
        for letter in word:
            if self.char != letter:
                raise self.fault(f"`{word}` is expected", "a text stands between double quotes")
            self.at += 1
        return value

    def _number(self) -> int | float:
        written = _NUMBER_BEGUN.match(self._page.json, self.at)[0]  # type: ignore[index]  # it always matches
        begun = self.at
        self.at += len(written)
        if not JSON_NUMBER.fullmatch(written) or self.char.isdigit():
            raise self.fault("a number is spelled otherwise in JSON")
        try:
            return number(written)
        except Fault as fault:
            raise self.fault(fault.reason, at=begun) from None

    def fixed_text(self) -> str:
        """Read plain characters and escapes within a string, up to what is neither."""
        begun, pieces = self.at, []
        while found := self._plain.match(self._page.json, self.at) or _ESCAPE_BEGUN.match(self._page.json, self.at):
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
        if not self.tag:
            raise self.fault("this is no escape of JSON", "write \\\\ for a backslash")
        self.refuse(self.tag, "a tag cannot stand right after a backslash or inside an escape")
        return False
