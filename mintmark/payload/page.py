"""The text of a template taken apart: its tags, found by Jinja's lexer, and the JSON text around them.

Rule: in the JSON text one character of private use stands for each tag; no text of a tag and no value ever gets
into it, and each of its characters knows its place in the stored text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment, TemplateSyntaxError

from .expressions import Expression
from .problems import Fault, Problem
from .values import MAX_UNREADABLE_TAGS, MAX_WORDS

_KEYWORD = re.compile(r'%(?:globals|asset|frontend|nested|metadata|begin|else|end)_[^%"\n]{1,300}%')
BLOCK_WORDS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})


@cache
def environment() -> Environment:
    """Give the one Jinja environment, of which only the lexer and the parser are used."""
    return Environment(keep_trailing_newline=True, autoescape=True)


class Lines:
    """Offsets of a text as lines and columns, both from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def of(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def problem(self, at: int, reason: str, hint: str = "") -> Problem:
        return Problem(*self.of(at), reason, hint)


@dataclass(slots=True, eq=False)
class Tag:
    """One tag: its first brace, its text and tokens, what is wrong with it, and what `tags` makes of it.

    `word` is the first word of a block, and empty for a placeholder. `comma` is set where a placeholder writes a
    comma, as plain Jinja needs in loops; see `parsing.comma_of`.
    """

    at: int
    opening: str = ""
    tokens: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    fault: Fault | None = None
    expression: Expression | None = None
    omits: bool = False
    comma: str = ""
    depth: int = 0

    @property
    def is_block(self) -> bool:
        return self.opening.startswith("{%")

    @property
    def word(self) -> str:
        return self.tokens[0][1] if self.is_block and self.tokens else ""

    @property
    def is_minus_number(self) -> bool:
        """Tell `{{-5}}`, which is 5, for those who meant minus five."""
        return self.opening == "{{-" and bool(self.tokens) and self.tokens[0][0] in ("integer", "float")


class Page:
    """A template taken apart: `json` with a `mark` for each tag, all `tags`, those `marked` in it, the faults."""

    def __init__(self, text: str) -> None:
        self.text = text
        used = set(text)
        self.mark = next(char for char in map(chr, range(0xE000, 0xF900)) if char not in used)
        self.tags: list[Tag] = []
        self.marked: dict[int, Tag] = {}
        self.faults: list[Fault] = []
        self.is_whole = True  # read to its end
        self.lost_at = len(text) + 1  # from here on nobody knows what is JSON
        self.places: list[int] = []  # of each character of the JSON in the text, and of its end
        self._pieces: list[str] = []
        self._words = 0
        at = 0
        while at < len(text):
            at = self._read_from(at)
        self.places.append(len(text))
        self.json = "".join(self._pieces)

    def leftovers(self) -> Iterator[Fault]:
        """Find what was left over from Squiz Matrix."""
        for found in _KEYWORD.finditer(self.json):
            yield Fault("this is a keyword of Squiz Matrix", "import it", at=self.places[found.start()])

    def _read_from(self, at: int) -> int:
        """Read up to the end, or up to the end of a tag that cannot be read; give the offset after it."""
        tag = Tag(at)
        try:
            for _, kind, text in environment().lexer.tokeniter(self.text[at:], None):
                if kind == "data":
                    self._keep(text, at)
                elif kind.endswith("_begin"):
                    at = self.text.index(text, at)  # white space before `{%-` is not among the tokens
                    tag = Tag(at, text)
                    if text == "{{" and self.text[at + 2 : at + 3] in ("%", "#", "{"):
                        return self._after_brace(tag)
                elif kind.endswith("_end"):
                    tag.text = self.text[tag.at : at]
                    self._finish(tag)
                elif kind != "whitespace":
                    tag.tokens.append((kind, text))
                    self._words += 1
                    if self._words > MAX_WORDS:
                        reason = f"the tags have more than {MAX_WORDS:,} words and signs"
                        return self._give_up(tag, reason, "make the template shorter")
                at += len(text)
            return at if tag.text or not tag.opening else self._give_up(tag, "this tag is not closed")
        except TemplateSyntaxError as error:
            return self._recover(tag, error.message or "")

    def _keep(self, text: str, at: int) -> None:
        self._pieces.append(text)
        self.places += range(at, at + len(text))

    def _finish(self, tag: Tag) -> None:
        """Put the mark of a tag into the JSON; a comment or an unknown block leaves none."""
        if "raw" in tag.opening:
            tag.fault = Fault("`raw` is not part of the language", "write { as \\u007b", at=tag.at)
        if tag.fault:
            self.faults.append(tag.fault)
        if tag.opening.startswith("{#") or "raw" in tag.opening:
            return
        self.tags.append(tag)
        if not tag.is_block or tag.word in BLOCK_WORDS:
            self.marked[len(self.places)] = tag
            self._keep(self.mark, tag.at)

    def _give_up(self, tag: Tag, reason: str, hint: str = "") -> int:
        self.faults.append(Fault(reason, hint, at=tag.at))
        self.lost_at, self.is_whole = tag.at, False
        return len(self.text)

    def _recover(self, tag: Tag, message: str) -> int:
        """Note a tag that cannot be read, and give the offset where it was probably meant to end."""
        close = {"{{": "}}", "{%": "%}", "{#": "#}"}[tag.opening[:2]]
        end = self.text.find(close, tag.at + 2)
        if end < 0:
            return self._give_up(tag, "this tag is not closed")
        if len(self.faults) >= MAX_UNREADABLE_TAGS - 1:
            reason = "this tag cannot be read, and what follows was left unread"
            return self._give_up(tag, reason, "mend these first")
        hint = "quotes inside a tag need no backslash" if "'\\\\'" in message else ""
        tag.fault = Fault(f"this tag cannot be read: {re.sub(r' at [0-9]+$', '', message)}", hint, at=tag.at)
        self._finish(tag)
        return end + 2

    def _after_brace(self, tag: Tag) -> int:
        """Note a tag right after a brace, which Jinja takes for `{{`; go on at the tag itself."""
        hint = f"write a space between {{ and {{{self.text[tag.at + 2]}"
        if len(self.faults) >= MAX_UNREADABLE_TAGS - 1:
            return self._give_up(tag, "a tag stands right after a brace, and what follows was left unread", hint)
        self.faults.append(Fault("a tag stands right after a brace", hint, at=tag.at))
        self._keep("{", tag.at)
        return tag.at + 1
