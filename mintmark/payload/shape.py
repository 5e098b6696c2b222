"""The shape of a template: one descent over its JSON text, which makes the

Rule: a tag stands where design §3 lets it stand, and nowhere else. The descent ends at the first fault of
the JSON; faults that concern one tag only are noted and read over.
"""

import re

from .blocks import Blocks, Tag
from .cursor import is_comma
from .limits import MAX_LEVELS, MAX_NAMES
from .operators import Either
from .parts import Body, Item, Member, Node, Part
from .problems import Fault, shown
from .strings import Strings
from .tags import Page, Places
from .tree import Container, Literal, Placed, ValueChoice
from .values import JSON_NUMBER, number

_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE][+-]?[0-9]*)?)?|[eE][+-]?[0-9]*)?)?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SITE_CLAIMS = frozenset({"exp", "nbf", "iat", "jti"})
_ELEMENT, _BLOCK, _OPENING = "element", "block", "opening"


class Shape(Strings):
    """Reads the JSON text of a page, with its tags, into a tree."""

    def __init__(self, page: Page, blocks: Blocks, places: Places) -> None:
        super().__init__(page, blocks, places)
        self.members: list[Member] = []  # of the outermost object
        self._level = 0
        self._names = 0

    def read(self) -> Container:
        """Read the whole text: one object, white space around it; raises the first fault of the JSON."""
        if self.look() != "{":
            raise self.fault("a template is one JSON object and begins with {")
        root = self._container("}")
        if self.look():
            raise self.fault("nothing stands after the object", at=self.at)
        return root

    # Objects and lists

    def _container(self, close: str) -> Container:
        opened = self.at
        self._level += 1
        if self._level > MAX_LEVELS:
            raise self.fault(f"objects and lists stand more than {MAX_LEVELS} levels deep")
        self.at += 1
        body = self._sequence(close, set(), _OPENING)
        self.at += 1
        self._level -= 1
        return Container(dict if close == "}" else list, body, self.place(opened))

    def _sequence(self, close: str, taken: set[str], left: str) -> Body:
        """Read members or items, the blocks and commas between them, up to `close` or a branch's end."""
        parts: list[Part] = []
        is_branch = left == _BLOCK
        comma = -1  # where the comma stands that was read last, if nothing came after it
        while True:
            char = self.look()
            tag = self.tags[self.at] if char == self.mark else None
            if char == ",":
                if comma >= 0:
                    raise self.fault("one comma too many")
                comma = self.at
                self.at += 1
                continue
            if tag and tag.word:
                comma = -1
                if tag.word not in ("if", "for"):
                    self._check_branch_ends(is_branch)
                    return Body(parts)
                parts.append(self._block(close, taken))
                left = _BLOCK
                continue
            if tag and self._is_beside(tag, left, comma):
                continue
            self._check_comma(left, comma, is_end=char == close)
            if char == close:
                if is_branch:
                    raise self.fault("a block is still open here", "end it before this")
                return Body(parts)
            parts.append(self._member(taken) if close == "}" else Item(self._value()))
            left, comma = _ELEMENT, -1

    def _check_branch_ends(self, is_branch: bool) -> None:
        if not is_branch:
            raise self.fault("the block was opened outside of this", "a block encloses whole members or items")

    def _is_beside(self, tag: Tag, left: str, comma: int) -> bool:
        """Read over a placeholder that stands beside a value, or that writes a comma."""
        is_beside = left == _ELEMENT and comma < 0
        if is_comma(tag.expression) and (is_beside or isinstance(tag.expression, Either)):
            self.refuse(tag, "a placeholder cannot write commas", "delete it; the site writes the commas")
        elif is_beside and tag.expression:
            self.refuse(tag, "a placeholder cannot stand beside a value", "write a comma, or put both into one text")
        elif not is_beside:
            return False
        self.at += 1
        return True

    def _check_comma(self, left: str, comma: int, *, is_end: bool) -> None:
        """Hold rule 5 before a member, an item or the end; a block tag on either side leaves it free."""
        if self.at == len(self.text):
            raise self.fault("the text ends before its object does")
        if left == _OPENING and comma >= 0:
            raise self.fault("nothing stands before this comma", at=comma)
        if left == _ELEMENT and is_end and comma >= 0:
            raise self.fault("nothing stands after the comma", "take the comma away")
        if left == _ELEMENT and not is_end and comma < 0:
            raise self.fault("a comma is missing before this")

    def _block(self, close: str, taken: set[str]) -> Part:
        """Read a block around members or items; names may be repeated only in its other branches."""
        tag = self.take()
        if tag.word == "for" and close == "}":
            self.refuse(tag, "`for` cannot enclose members of an object", "put it around items, in [ … ]")
        before, after = set(taken), taken

        def branch() -> Body:
            mine = set(before)
            body = self._sequence(close, mine, _BLOCK)
            after.update(mine)
            return body

        return self.part(tag, branch)

    def _member(self, taken: set[str]) -> Member:
        at = self.at
        if self.text[at] != '"':
            raise self.fault("a name between double quotes is expected")
        name = self.name()
        self._names += 1
        if self._names > MAX_NAMES:
            raise self.fault(f"a template has at most {MAX_NAMES} names", at=at)
        if name in taken:
            raise self.fault(f"the name `{shown(name)}` stands here twice", at=at)
        if self._level == 1 and name in _SITE_CLAIMS:
            raise self.fault(f"`{name}` is the site's to write", "take it out; set the lifetime instead", at=at)
        taken.add(name)
        if self.look() != ":":
            raise self.fault("a colon is missing after the name")
        self.at += 1
        member = Member(name, self._value(), self.place(at))
        if self._level == 1:
            self.members.append(member)
        return member

    # Values

    def _value(self) -> Node:
        char, at = self.look(), self.at
        if char == '"':
            return self.string()
        if char in ("{", "["):
            return self._container("}" if char == "{" else "]")
        if char == self.mark:
            return self._tag_value()
        for word, value in _WORDS.items():
            if char == word[0]:
                self._word(word)
                return Literal(value, self.place(at))
        if char and char in "-0123456789":
            return Literal(self._number(), self.place(at))
        raise self.fault("a value is expected", "a text stands between double quotes" if char not in ",}]" else "")

    def _tag_value(self) -> Node:
        """Read a placeholder that is a whole value, or a block around exactly one."""
        if (word := self.tags[self.at].word) not in ("", "if"):
            raise self.fault("a value is expected", "write [ … ] around the loop" if word == "for" else "")
        tag = self.take()
        if not word:
            return Placed(self.spot(tag))
        branches = self.branches(tag, self._only_value)
        if branches[-1][0] is not None:
            self.refuse(tag, "an `if` around a value needs its `else`", "or put the block around the whole member")
        return ValueChoice(branches)

    def _only_value(self) -> Node:
        node = self._value()
        if self.look() != self.mark or self.tags[self.at].word not in ("elif", "else", "endif"):
            raise self.fault("this block gives exactly one value")
        return node

    def _word(self, word: str) -> None:
        for letter in word:
            if self.text[self.at : self.at + 1] != letter:
                raise self.fault(f"`{word}` is expected", "a text stands between double quotes")
            self.at += 1

    def _number(self) -> int | float:
        written = _NUMBER_BEGUN.match(self.text, self.at)[0]  # type: ignore[index]  # it always matches
        after = self.at + len(written)
        if not JSON_NUMBER.fullmatch(written) or self.text[after : after + 1].isdigit():
            raise self.fault("a number is spelled otherwise in JSON", at=after)
        try:
            value = number(written)
        except Fault as fault:
            raise self.fault(fault.reason) from None
        self.at += len(written)
        return value
