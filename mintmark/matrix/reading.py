"""A payload taken apart: fixed text, and the keywords in it with the place where each stands.

Rule: one pass from left to right; what stands between two percent signs is looked at once. Whether a keyword stands
in a JSON text, as a whole value or where neither is possible is decided here, before anything of it is replaced.
"""

import re
from dataclasses import dataclass

IN_TEXT, AS_VALUE, IN_NAME, ELSEWHERE = "in text", "as a value", "in a name", "elsewhere"

# The name has a word and an underscore, as all keywords of Matrix do; 100%_sure is fixed text.
_NAME = r"[a-z]+_[^%^\"\\{}\n]{1,200}"
_QUOTED = re.compile(rf"{_NAME}(?:\^(?:[^%\"\\\n]|\\.)*)?")
_BARE = re.compile(rf"{_NAME}(?:\^(?:[^%\"\\\n]|\\.|\"(?:[^%\"\\\n]|\\.)*\")*)?")
_SPACE = re.compile(r"[ \t\r\n\xa0]*")
_PLAIN = re.compile(r'[^"\\%{}\[\]\xa0]+')


@dataclass(slots=True)
class Piece:
    """A stretch of the payload. `place` is empty for fixed text; `is_literal`: braces that were made plain text."""

    text: str
    at: int
    place: str = ""
    is_literal: bool = False


class Reader:
    """Reads a payload into pieces."""

    def __init__(self, payload: str) -> None:
        self.payload = payload
        self.pieces: list[Piece] = []
        self._at = 0
        self._fixed: list[str] = []
        self._fixed_at = 0
        self._open: list[str] = []  # the brackets around this place
        self._before = ""  # the last sign outside of texts
        self._text: list[Piece] | None = None  # the keywords of the text that is open

    def read(self) -> list[Piece]:
        """Return the pieces in order."""
        while self._at < len(self.payload):
            if plain := _PLAIN.match(self.payload, self._at):
                self._keep(plain[0])
                if self._text is None and plain[0].strip():
                    self._before = plain[0].rstrip()[-1]
            else:
                self._sign(self.payload[self._at])
        self._flush()
        return self.pieces

    def _sign(self, sign: str) -> None:
        if sign == "%" and (keyword := self._keyword()):
            self._take_keyword(keyword)
        elif sign == "{" and self.payload[self._at + 1 : self._at + 2] in ("{", "%", "#"):
            self._brace()
        elif sign == '"':
            self._quote()
        elif sign == "\\":
            self._keep(self.payload[self._at : self._at + 2])
        elif self._text is not None or sign == "%":
            self._keep(sign)
        elif sign == "\xa0":  # comes from copying out of a page
            self._keep(sign, " ")
        else:
            self._bracket(sign)

    def _keyword(self) -> str:
        """Return the keyword that begins here, without its percent signs, or nothing."""
        end = self.payload.find("%", self._at + 1)
        pattern = _BARE if self._text is None else _QUOTED
        found = pattern.fullmatch(self.payload, self._at + 1, end) if end > 0 else None
        return found[0] if found else ""

    def _take_keyword(self, keyword: str) -> None:
        self._flush()
        piece = Piece(f"%{keyword}%", self._at, IN_TEXT)
        self._at += len(piece.text)
        if self._text is not None:
            self._text.append(piece)
        else:
            after = self._next()
            piece.place = AS_VALUE if self._wants_value() and after in (",", "}", "]") else ELSEWHERE
            self._before = "%"
        self.pieces.append(piece)
        self._fixed_at = self._at

    def _wants_value(self) -> bool:
        inside = self._open[-1:] == ["["]
        return self._before == ":" or (inside and self._before in ("[", ","))

    def _brace(self) -> None:
        """A brace that would begin one of our tags becomes plain text, or is set apart."""
        if self._text is None:
            self._bracket("{", "{ ")
            return
        self._flush()
        self.pieces.append(Piece("\\u007b", self._at, is_literal=True))
        self._at += 1
        self._fixed_at = self._at

    def _next(self) -> str:
        """Return the next sign that is no white space."""
        at = _SPACE.match(self.payload, self._at).end()  # type: ignore[union-attr]  # it always matches
        return self.payload[at : at + 1]

    def _bracket(self, sign: str, kept: str = "") -> None:
        if sign in "{[":
            self._open.append(sign)
        elif self._open:
            self._open.pop()
        self._before = sign
        self._keep(sign, kept)

    def _quote(self) -> None:
        self._keep('"')
        if self._text is None:
            self._text = []
            return
        if self._next() == ":":
            for piece in self._text:
                piece.place = IN_NAME
        self._text, self._before = None, '"'

    def _keep(self, text: str, kept: str = "") -> None:
        self._fixed.append(kept or text)
        self._at += len(text)

    def _flush(self) -> None:
        if self._fixed:
            self.pieces.append(Piece("".join(self._fixed), self._fixed_at))
            self._fixed = []
        self._fixed_at = self._at


def split_keyword(keyword: str) -> tuple[str, list[tuple[str, list[str]]]]:
    """Take a keyword apart: its name, and each modifier with its arguments, `:` and `^` unescaped."""
    name, *modifiers = re.split(r"(?<!\\)\^", keyword.strip("%"))
    parts = [re.split(r"(?<!\\):", modifier) for modifier in modifiers]
    return name.strip(), [(part[0].strip(), [_plain(argument) for argument in part[1:]]) for part in parts]


def _plain(argument: str) -> str:
    return re.sub(r"\\([:^])", r"\1", argument)
