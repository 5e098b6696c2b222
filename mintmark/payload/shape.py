"""The shape of a template: one descent over its JSON text, which makes the tree.

Rule: a tag stands where design §3 lets it stand, and nowhere else. The descent ends at the first fault of the JSON;
faults that concern one tag only are noted and read over.
"""

import re
from collections.abc import Callable
from typing import Any

from . import tree
from .blocks import Blocks, Tag
from .expressions import NO_KINDS, Either, Expression, Literal
from .limits import MAX_LEVELS, MAX_NAMES
from .problems import Fault
from .tags import Page, Places
from .values import LIST, number, unescaped

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER_BEGUN = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE][+-]?[0-9]*)?)?|[eE][+-]?[0-9]*)?)?"
)
_ESCAPE_BEGUN = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{0,4})?')
_SPACE = re.compile(r"[ \t\n]*")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SITE_CLAIMS = frozenset({"exp", "nbf", "iat", "jti"})
_COMMA, _ELEMENT, _BLOCK, _OPENING = "comma", "element", "block", "opening"


class Shape:
    """Reads the JSON text of a page, with its tags, into a tree."""

    def __init__(self, page: Page, blocks: Blocks, places: Places) -> None:
        self.page, self.text, self.mark = page, page.json, page.mark
        self.tags, self.places = blocks.tags, places
        self.faults: list[Fault] = []  # of tags that stand wrongly, read over
        self.members: list[tree.Member] = []  # of the outermost object
        self._plain = re.compile(rf'[^"\\\x00-\x1f{page.mark}]+')
        self._at = 0
        self._level = 0
        self._names = 0

    def read(self) -> tree.Container:
        """Read the whole text: one object, white space around it; raises the first fault of the JSON."""
        if self._look() != "{":
            raise self._fault("a template is one JSON object and begins with {")
        root = self._container("}")
        if self._look():
            raise self._fault("nothing stands after the object", at=self._at)
        return root

    # Places and faults

    def _look(self) -> str:
        """Skip white space; give the character after it, or nothing at the end."""
        self._at = _SPACE.match(self.text, self._at).end()  # type: ignore[union-attr]  # it always matches
        return self.text[self._at : self._at + 1]

    def _fault(self, reason: str, hint: str = "", *, at: int = -1) -> Fault:
        at = self._at if at < 0 else at
        if at in self.tags:
            tag = self.tags[at]
            reason = f"a {'block' if tag.word else 'placeholder'} cannot stand here: {reason}"
            if is_comma(tag.expression):
                hint = "delete it; the site writes the commas"
        return Fault(reason, hint, at=self.page.place(at))

    def _refuse(self, tag: Tag, reason: str, hint: str = "") -> None:
        """Note that a tag stands wrongly, once, and go on."""
        self.faults.append(Fault(reason, hint, at=tag.at))

    def _place(self, at: int) -> tuple[int, int]:
        return self.places.of(self.page.place(at))

    def _spot(self, tag: Tag) -> tree.Spot:
        expression = tag.expression or Expression(NO_KINDS)  # a faulty one: the tree will not be used
        return tree.Spot(expression, self.places.of(tag.at), omits=tag.omits)

    def _tag(self) -> Tag:
        """Take the tag that stands here."""
        tag = self.tags[self._at]
        self._at += 1
        return tag

    # Objects and lists

    def _container(self, close: str) -> tree.Container:
        opened = self._at
        self._level += 1
        if self._level > MAX_LEVELS:
            raise self._fault(f"objects and lists stand more than {MAX_LEVELS} levels deep")
        self._at += 1
        body = self._sequence(close, set(), _OPENING)
        self._at += 1
        self._level -= 1
        return tree.Container(dict if close == "}" else list, body, self._place(opened))

    def _sequence(self, close: str, taken: set[str], left: str) -> tree.Body:
        """Read members or items, with the blocks and commas between them, up to `close` or the end of a branch."""
        parts: list[tree.Part] = []
        is_branch = left == _BLOCK
        comma = -1  # where the comma stands that was read last, if nothing came after it
        while True:
            char = self._look()
            tag = self.tags[self._at] if char == self.mark else None
            if char == ",":
                if comma >= 0:
                    raise self._fault("one comma too many")
                comma = self._at
                self._at += 1
                continue
            if tag and tag.word:
                comma = -1
                if tag.word not in ("if", "for"):
                    self._check_branch_ends(is_branch)
                    return tree.Body(parts)
                parts.append(self._block(close, taken))
                left = _BLOCK
                continue
            if tag and self._is_beside(tag, left, comma):
                continue
            self._check_comma(left, comma, is_end=char == close)
            if char == close:
                if is_branch:
                    raise self._fault("a block is still open here", "end it before this")
                return tree.Body(parts)
            parts.append(self._member(taken) if close == "}" else tree.Item(self._value()))
            left, comma = _ELEMENT, -1

    def _check_branch_ends(self, is_branch: bool) -> None:
        if not is_branch:
            raise self._fault("the block was opened outside of this", "a block encloses whole members or items")

    def _is_beside(self, tag: Tag, left: str, comma: int) -> bool:
        """Read over a placeholder that stands beside a value, or that writes a comma."""
        is_beside = left == _ELEMENT and comma < 0
        if is_comma(tag.expression) and (is_beside or isinstance(tag.expression, Either)):
            self._refuse(tag, "a placeholder cannot write commas", "delete it; the site writes the commas")
        elif is_beside and tag.expression:
            self._refuse(tag, "a placeholder cannot stand beside a value", "write a comma, or put both into one text")
        elif not is_beside:
            return False
        self._at += 1
        return True

    def _check_comma(self, left: str, comma: int, *, is_end: bool) -> None:
        """Hold rule 5 before a member, an item or the end; a block tag on either side leaves it free."""
        if self._at == len(self.text):
            raise self._fault("the text ends before its object does")
        if left == _OPENING and comma >= 0:
            raise self._fault("nothing stands before this comma", at=comma)
        if left == _ELEMENT and is_end and comma >= 0:
            raise self._fault("nothing stands after the comma", "take the comma away")
        if left == _ELEMENT and not is_end and comma < 0:
            raise self._fault("a comma is missing before this")

    def _block(self, close: str, taken: set[str]) -> tree.Part:
        """Read a block around members or items; names may be repeated only in its other branches."""
        tag = self._tag()
        if tag.word == "for" and close == "}":
            self._refuse(tag, "`for` cannot enclose members of an object", "put it around items, in [ … ]")
        before, after = set(taken), taken

        def branch() -> tree.Body:
            mine = set(before)
            body = self._sequence(close, mine, _BLOCK)
            after.update(mine)
            return body

        return self._part(tag, branch)

    def _part(self, tag: Tag, branch: Callable[[], tree.Body]) -> tree.Part:
        branches = self._branches(tag, branch)
        if tag.word == "for":
            otherwise = branches[1][1] if len(branches) > 1 else tree.Body([])
            return tree.Loop(self._spot(tag), tag.depth, branches[0][1], otherwise)
        return tree.Choice(branches)

    def _branches(self, tag: Tag, branch: Callable[[], Any]) -> list[tuple[tree.Spot | None, Any]]:
        """Read the branches of a block whose first tag was taken, up to its end."""
        found = []
        while not tag.word.startswith("end"):
            found.append((None if tag.word == "else" else self._spot(tag), branch()))
            tag = self._tag()
        return found

    def _member(self, taken: set[str]) -> tree.Member:
        at = self._at
        if self.text[at] != '"':
            raise self._fault("a name between double quotes is expected")
        name = self._name()
        self._names += 1
        if self._names > MAX_NAMES:
            raise self._fault(f"a template has at most {MAX_NAMES} names", at=at)
        if name in taken:
            raise self._fault(f"the name {_shown(name)} stands here twice", at=at)
        if self._level == 1 and name in _SITE_CLAIMS:
            raise self._fault(f"`{name}` is the site's to write", "take it out; set the lifetime instead", at=at)
        taken.add(name)
        if self._look() != ":":
            raise self._fault("a colon is missing after the name")
        self._at += 1
        member = tree.Member(name, self._value(), self._place(at))
        if self._level == 1:
            self.members.append(member)
        return member

    # Values

    def _value(self) -> tree.Node:
        char, at = self._look(), self._at
        if char == '"':
            return self._string()
        if char in ("{", "["):
            return self._container("}" if char == "{" else "]")
        if char == self.mark:
            return self._tag_value()
        for word, value in _WORDS.items():
            if char == word[0]:
                self._word(word)
                return tree.Literal(value, self._place(at))
        if char and char in "-0123456789":
            return tree.Literal(self._number(), self._place(at))
        raise self._fault("a value is expected", "a text stands between double quotes" if char not in ",}]" else "")

    def _tag_value(self) -> tree.Node:
        """Read a placeholder that is a whole value, or a block around exactly one."""
        if (word := self.tags[self._at].word) not in ("", "if"):
            raise self._fault("a value is expected", "write [ … ] around the loop" if word == "for" else "")
        tag = self._tag()
        if not word:
            return tree.Placed(self._spot(tag))
        branches = self._branches(tag, self._only_value)
        if branches[-1][0] is not None:
            self._refuse(tag, "an `if` around a value needs its `else`", "or put the block around the whole member")
        return tree.ValueChoice(branches)

    def _only_value(self) -> tree.Node:
        node = self._value()
        if self._look() != self.mark or self.tags[self._at].word not in ("elif", "else", "endif"):
            raise self._fault("this block gives exactly one value")
        return node

    def _word(self, word: str) -> None:
        for letter in word:
            if self.text[self._at : self._at + 1] != letter:
                raise self._fault(f"`{word}` is expected", "a text stands between double quotes")
            self._at += 1

    def _number(self) -> int | float:
        written = _NUMBER_BEGUN.match(self.text, self._at)[0]  # type: ignore[index]  # it always matches
        if not _NUMBER.fullmatch(written):
            raise self._fault("a number is spelled otherwise in JSON", at=self._at + len(written))
        try:
            value = number(written)
        except Fault as fault:
            raise self._fault(fault.reason) from None
        self._at += len(written)
        return value

    # Strings

    def _name(self) -> str:
        """Read a name, in which no tag may stand."""
        seen: list[Tag] = []
        parts = self._text(seen)
        for tag in seen:
            self._refuse(tag, "a tag cannot stand in a name")
        return "".join(part.text for part in parts if isinstance(part, tree.Fixed))

    def _string(self) -> tree.Node:
        at = self._at
        seen: list[Tag] = []
        parts = self._text(seen)
        if not seen:
            return tree.Literal("".join(part.text for part in parts if isinstance(part, tree.Fixed)), self._place(at))
        for tag in seen:
            if not tag.word and tag.expression and tag.expression.kinds == {LIST}:
                self._refuse(tag, "a list cannot stand inside text", "take the quotes away, or use `join`")
        names = frozenset().union(*(tag.expression.names for tag in seen if tag.expression))
        first = next((tag for tag in seen if not tag.word), seen[0])
        return tree.Text(parts, self.places.of(first.at), names)

    def _text(self, seen: list[Tag], *, is_branch: bool = False) -> list[tree.Part]:
        """Read text up to its closing quote, or up to the end of a branch within it."""
        parts: list[tree.Part] = []
        self._at += not is_branch
        while True:
            if text := self._fixed():
                parts.append(tree.Fixed(text))
            char = self.text[self._at : self._at + 1]
            if char == '"' and not is_branch:
                self._at += 1
                return parts
            if char != self.mark:
                raise self._fault(_why_not_in_text(char))
            word = self.tags[self._at].word
            if word not in ("", "if", "for"):
                if not is_branch:
                    raise self._fault("the block was opened outside of this text")
                return parts
            tag = self._tag()
            seen.append(tag)
            if word:
                parts.append(self._part(tag, lambda: tree.Body(self._text(seen, is_branch=True))))
            else:
                parts.append(tree.Hole(self._spot(tag)))

    def _fixed(self) -> str:
        """Read plain characters and escapes, up to what is neither."""
        begun, pieces = self._at, []
        while found := self._plain.match(self.text, self._at) or _ESCAPE_BEGUN.match(self.text, self._at):
            self._at = found.end()
            pieces.append(found[0] if found[0][0] != "\\" or self._is_whole(found[0]) else "")
        try:
            return unescaped("".join(pieces))
        except Fault as fault:
            raise self._fault(fault.reason, at=begun + fault.at) from None

    def _is_whole(self, escape: str) -> bool:
        """Tell whether an escape is complete; one that a tag cuts off is the fault of that tag."""
        if len(escape) == (6 if escape[1:2] == "u" else 2):
            return True
        if self.text[self._at : self._at + 1] != self.mark:
            raise self._fault("this is no escape of JSON", "write \\\\ for a backslash")
        self._refuse(self.tags[self._at], "a tag cannot stand right after a backslash or inside an escape")
        return False


def is_comma(expression: Expression | None) -> bool:
    """Tell whether an expression writes a comma between items, as one does in plain Jinja."""
    if isinstance(expression, Either):
        return is_comma(expression.then) or is_comma(expression.otherwise)
    return isinstance(expression, Literal) and isinstance(expression.literal, str) and expression.literal.strip() == ","


def _shown(name: str) -> str:
    return f'"{name[:40]}"' if name.isprintable() else ascii(name[:40])


def _why_not_in_text(char: str) -> str:
    if not char:
        return "the text ends before this string does"
    return "a block is still open within this text" if char == '"' else "a control character stands in a text"
