"""Where the tags stand: the text of a template taken apart by Jinja's lexer.

Rule: what is left after this is the JSON text, with one character of private use for each tag; no text of a
tag and no value ever gets into it, and each of its characters knows its place in the stored text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment, TemplateSyntaxError

from .limits import MAX_TOKENS, MAX_UNREADABLE_TAGS
from .problems import Fault, Problem

_NOT_CLOSED = ("this tag is not closed",)
_TOO_MANY = (f"the tags have more than {MAX_TOKENS:,} words and signs", "make the template shorter")
BLOCK_WORDS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})


@cache
def environment() -> Environment:
    """Give the one Jinja environment, of which only the lexer and the parser are used."""
    return Environment(keep_trailing_newline=True, autoescape=True)


@dataclass(slots=True)
class RawTag:
    """One tag: its first brace, its tokens with their offsets, and what the lexer could not read of it."""

    at: int
    opening: str
    tokens: list[tuple[int, str, str]] = field(default_factory=list)
    fault: Fault | None = None
    text: str = ""

    @property
    def is_block(self) -> bool:
        return self.opening.startswith("{%")

    @property
    def word(self) -> str:
        """Give the first word of a block: `if`, `for` …; nothing for a placeholder."""
        if not self.is_block:
            return ""
        return self.tokens[0][2] if self.tokens else ""

    @property
    def is_minus_number(self) -> bool:
        """Tell `{{-5}}`, which is 5, for those who meant minus five."""
        return self.opening == "{{-" and bool(self.tokens) and self.tokens[0][1] in ("integer", "float")


class Places:
    """Offsets of a text as lines and columns, both from 1."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def of(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1

    def problem(self, at: int, reason: str, hint: str = "") -> Problem:
        return Problem(*self.of(at), reason, hint)


class Page:
    """A template taken apart: `json` with a `mark` for each tag, the tags by offset in it, their faults."""

    def __init__(self, text: str) -> None:
        self.text = text
        used = set(text)
        self.mark = next(char for char in map(chr, range(0xE000, 0xF900)) if char not in used)
        self.tags: list[RawTag] = []
        self.marks: dict[int, RawTag] = {}
        self.refused: list[Fault] = []
        self.lost_at = len(text) + 1  # from here on nobody knows what is JSON
        self._pieces: list[str] = []
        self._starts, self._places, self._length = [0], [0], 0
        self._tokens = 0
        self._read()
        self.json = "".join(self._pieces)

    @property
    def is_whole(self) -> bool:
        """Tell whether the text was read to its end."""
        return self.lost_at > len(self.text)

    def place(self, at: int) -> int:
        """Give the offset in the text of an offset in the JSON."""
        piece = bisect_right(self._starts, at) - 1
        return self._places[piece] + at - self._starts[piece]

    def _read(self) -> None:
        at = 0
        while at < len(self.text) and self.is_whole:
            at = self._read_from(at)
        self._places[-1] = len(self.text)

    def _read_from(self, at: int) -> int:
        """Read up to the end, or up to the end of a tag that cannot be read; give the offset after it."""
        lexer, tag = environment().lexer, RawTag(at, "")
        try:
            for _, kind, text in lexer.tokeniter(self.text[at:], None):
                if kind == "data":
                    self._keep(text, at)
                elif kind.endswith("_begin"):
                    at = self.text.index(text, at)  # white space before `{%-` is not among the tokens
                    tag = RawTag(at, text)
                    if text == "{{" and self.text[at + 2 : at + 3] in ("%", "#", "{"):
                        return self._after_brace(tag)
                elif kind.endswith("_end"):
                    tag.text = self.text[tag.at : at]
                    self._finish(tag)
                elif kind != "whitespace":
                    tag.tokens.append((at, kind, text))
                    self._tokens += 1
                    if self._tokens > MAX_TOKENS:
                        return self._give_up(tag, *_TOO_MANY)
                at += len(text)
            return at if tag.text or not tag.opening else self._give_up(tag, *_NOT_CLOSED)
        except TemplateSyntaxError as error:
            return self._recover(tag, error)

    def _give_up(self, tag: RawTag, reason: str, hint: str = "") -> int:
        self.refused.append(Fault(reason, hint, at=tag.at))
        self.lost_at = tag.at
        return len(self.text)

    def _recover(self, tag: RawTag, error: TemplateSyntaxError) -> int:
        """Note a tag that cannot be read, and give the offset where it was probably meant to end."""
        close = {"{{": "}}", "{%": "%}", "{#": "#}"}[tag.opening[:2]]
        found = self.text.find(close, tag.at + 2)
        if found < 0:
            return self._give_up(tag, *_NOT_CLOSED)
        tag.fault = self._why(tag, error)
        self._finish(tag)
        return self._go_on(tag, found + 2)

    def _after_brace(self, tag: RawTag) -> int:
        """Note a tag right after a brace, which Jinja takes for `{{`; go on at the tag itself."""
        following = self.text[tag.at + 2]
        reason = "a tag stands right after a brace"
        self.refused.append(Fault(reason, f"write a space between {{ and {{{following}", at=tag.at))
        self._keep("{", tag.at)
        return self._go_on(tag, tag.at + 1)

    def _go_on(self, tag: RawTag, end: int) -> int:
        """Give the offset to go on from, unless there were too many faults."""
        if len(self.refused) >= MAX_UNREADABLE_TAGS:
            self.lost_at = tag.at
        return end

    def _why(self, tag: RawTag, error: TemplateSyntaxError) -> Fault:
        if len(self.refused) >= MAX_UNREADABLE_TAGS - 1:
            return Fault("this tag cannot be read, and what follows was left unread", "mend these first", at=tag.at)
        reason = re.sub(r" at \d+$", "", error.message or "")
        hint = "quotes inside a tag need no backslash" if "'\\\\'" in reason else ""
        return Fault(f"this tag cannot be read: {reason}", hint, at=tag.at)

    def _keep(self, text: str, at: int) -> None:
        self._pieces.append(text)
        self._length += len(text)
        self._starts.append(self._length)
        self._places[-1] = at
        self._places.append(at + len(text))

    def _finish(self, tag: RawTag) -> None:
        """Put the mark of a tag into the JSON; a comment or an unknown block leaves none."""
        if tag.fault:
            self.refused.append(tag.fault)
        if tag.opening.startswith("{#"):
            return
        if "raw" in tag.opening:
            self.refused.append(Fault("`raw` is not part of the language", "write { as \\u007b", at=tag.at))
            return
        self.tags.append(tag)
        if not tag.is_block or tag.word in BLOCK_WORDS:
            self.marks[self._length] = tag
            self._keep(self.mark, tag.at)

    def leftovers(self) -> Iterator[Fault]:
        """Find what was left over from Squiz Matrix."""
        for found in re.finditer(r'%(?:globals|asset)_[^%"\n]{1,300}%', self.json):
            yield Fault("this is a keyword of Squiz Matrix", "import it", at=self.place(found.start()))
