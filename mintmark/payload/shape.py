"""The shape of a template: one descent over its JSON text, which makes the tree.

Rule: a tag stands in a string that is a value, or as a whole value, or around members, items, one value or text; and
nowhere else. Names stand once on any way through. The site writes the commas beside blocks.
"""

from collections.abc import Callable
from typing import Any

from .claims import REGISTERED
from .cursor import Cursor
from .page import Lines, Page, Tag
from .problems import shown
from .tree import Body, Choice, Container, Fixed, Hole, Item, Literal, Loop, Member, Node, Part, Placed, Spot, Text
from .values import LIST, MAX_LEVELS, MAX_NAMES, union

_SITE_CLAIMS = frozenset({"exp", "nbf", "iat", "jti"})
_OPENING, _ELEMENT, _BLOCK = "opening", "element", "block"  # what stands to the left, commas aside


class Shape(Cursor):
    """Reads the JSON text of a page, with its tags, into a tree."""

    def __init__(self, page: Page, lines: Lines) -> None:
        super().__init__(page, lines)
        self.members: list[Member] = []  # of the outermost object
        self._level = 0
        self._names = 0

    def read(self) -> Container:
        """Read the whole text: one object, white space around it; raises the first fault of the JSON."""
        if self.look() != "{":
            raise self.fault("a template is one JSON object and begins with {")
        root = self._container("}")
        if self.look():
            raise self.fault("nothing stands after the object")
        return root

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
        """Read members or items, the blocks and commas between them, up to `close` or the end of a branch."""
        parts: list[Part] = []
        is_branch = left == _BLOCK
        while True:
            char, comma = self.look(), -1
            if char == ",":
                comma = self.at
                self.at += 1
                if (char := self.look()) == ",":
                    raise self.fault("one comma too many")
            tag = self.tag if char == self.mark else None
            if tag and tag.word in ("if", "for"):
                parts.append(self._block(close, taken))
                left = _BLOCK
            elif tag and tag.word:
                if not is_branch:
                    raise self.fault("the block was opened outside of this", "a block encloses whole members or items")
                return Body(parts)
            elif not (tag and self._is_beside(tag, left, comma)):
                if not char:
                    raise self.fault("the text ends before its object does")
                if left != _BLOCK:
                    self._check_comma(left, comma, is_end=char == close)
                if char == close:
                    if is_branch:
                        raise self.fault("a block is still open here", "end it before this")
                    return Body(parts)
                parts.append(self._member(taken) if close == "}" else Item(self._value()))
                left = _ELEMENT

    def _check_comma(self, left: str, comma: int, *, is_end: bool) -> None:
        """Hold the rule before a member, an item or the end, where no block tag stands that leaves it free."""
        if left == _OPENING and comma >= 0:
            raise self.fault("nothing stands before this comma", at=comma)
        if left == _ELEMENT and is_end and comma >= 0:
            raise self.fault("nothing stands after the comma", "take the comma away")
        if left == _ELEMENT and not is_end and comma < 0:
            raise self.fault("a comma is missing before this")

    def _is_beside(self, tag: Tag, left: str, comma: int) -> bool:
        """Read over a placeholder that stands beside a value, or that writes a comma."""
        is_beside = left == _ELEMENT and comma < 0
        if tag.comma and (is_beside or tag.comma != "always"):
            self.refuse(tag, "a placeholder cannot write commas", "delete it; the site writes the commas")
        elif is_beside and tag.expression:
            self.refuse(tag, "a placeholder cannot stand beside a value", "write a comma, or put both into one text")
        elif not is_beside:
            return False
        self.at += 1
        return True

    # Blocks

    def _block(self, close: str, taken: set[str]) -> Part:
        """Read a block around members or items; names may be repeated only in its other branches."""
        tag = self.take()
        if tag.word == "for" and close == "}":
            self.refuse(tag, "`for` cannot enclose members of an object", "put it around items, in [ … ]")
        before = set(taken)

        def branch() -> Body:
            mine = set(before)
            body = self._sequence(close, mine, _BLOCK)
            taken.update(mine)
            return body

        return self._part(tag, branch)

    def _part(self, tag: Tag, branch: Callable[[], Body]) -> Part:
        """Read a block around members, items or text, whose first tag was taken."""
        branches = self._branches(tag, branch)
        return Loop(branches, self.spot(tag), tag.depth) if tag.word == "for" else Choice(branches)

    def _branches(self, tag: Tag, branch: Callable[[], Any]) -> list[tuple[Spot | None, Any]]:
        found = []
        while not tag.word.startswith("end"):
            found.append((None if tag.word == "else" else self.spot(tag), branch()))
            tag = self.take()
        return found

    # Names and values

    def _member(self, taken: set[str]) -> Member:
        at = self.at
        if self.char != '"':
            raise self.fault("a name between double quotes is expected")
        seen: list[Tag] = []
        parts = self._parts_of_text(seen)
        for tag in seen:
            self.refuse(tag, "a tag cannot stand in a name")
        name = "".join(part.text for part in parts if isinstance(part, Fixed))
        self._names += 1
        if self._names > MAX_NAMES:
            raise self.fault(f"a template has at most {MAX_NAMES} names", at=at)
        if name in taken:
            raise self.fault(f"the name `{shown(name)}` stands here twice", at=at)
        is_claim = self._level == 1
        if is_claim and name in _SITE_CLAIMS:
            raise self.fault(f"`{name}` is the site's to write", "take it out; set the lifetime instead", at=at)
        taken.add(name)
        if self.look() != ":":
            raise self.fault("a colon is missing after the name")
        self.at += 1
        member = Member(name, self._value(), self.place(at), REGISTERED.get(name) if is_claim else None)
        if is_claim:
            self.members.append(member)
        return member

    def _value(self) -> Node:
        char, at = self.look(), self.at
        if char == '"':
            return self._string()
        if char in ("{", "["):
            return self._container("}" if char == "{" else "]")
        if char != self.mark:
            return Literal(self.literal(), self.place(at))
        tag = self.take()
        if tag.word not in ("", "if"):
            hint = "write [ … ] around the loop" if tag.word == "for" else ""
            raise self.fault("a value is expected", hint, at=at)
        if not tag.word:
            return Placed(self.spot(tag))
        branches = self._branches(tag, self._only_value)
        if branches[-1][0] is not None:
            self.refuse(tag, "an `if` around a value needs its `else`", "or put the block around the whole member")
        return Choice(branches)

    def _only_value(self) -> Node:
        node = self._value()
        self.look()
        if not self.tag or self.tag.word not in ("elif", "else", "endif"):
            raise self.fault("this block gives exactly one value")
        return node

    # Text

    def _string(self) -> Node:
        at = self.at
        seen: list[Tag] = []
        parts = self._parts_of_text(seen)
        if not seen:
            return Literal("".join(part.text for part in parts if isinstance(part, Fixed)), self.place(at))
        for tag in seen:
            if tag.expression and not tag.word and tag.expression.facts.types == {LIST}:
                self.refuse(tag, "a list cannot stand inside text", "take the quotes away, or use `join`")
            elif tag.comma == "or missing" and not tag.omits:
                self.refuse(tag, "this has no value where its condition fails", 'add `else ""`, or use `join`')
        first = next((tag for tag in seen if not tag.word), seen[0])
        return Text(
            Body(parts), self.spot(first).place, union(tag.expression.facts.names for tag in seen if tag.expression)
        )

    def _parts_of_text(self, seen: list[Tag], *, is_branch: bool = False) -> list[Part]:
        """Read text up to its closing quote, or up to the end of a branch within it; note the tags seen."""
        parts: list[Part] = []
        self.at += not is_branch
        while True:
            if text := self.fixed_text():
                parts.append(Fixed(text))
            tag = self.tag
            if tag is None:
                if self.char == '"' and not is_branch:
                    self.at += 1
                    return parts
                raise self.fault(_why_not_in_text(self.char))
            if tag.word not in ("", "if", "for"):
                if not is_branch:
                    raise self.fault("the block was opened outside of this text")
                return parts
            seen.append(self.take())
            if tag.word:
                parts.append(self._part(tag, lambda: Body(self._parts_of_text(seen, is_branch=True))))
            else:
                parts.append(Hole(self.spot(tag)))


def _why_not_in_text(char: str) -> str:
    if not char:
        return "the text ends before this string does"
    return "a block is still open within this text" if char == '"' else "a control character stands in a text"
