"""What a keyword gives on its way through the modifiers: an expression of ours, and what is known of it.

Rule: fixed text of a payload gets into an expression as a JSON text and in no other way.
"""

import json
import re
from dataclasses import dataclass, field, replace

from .report import CARRIED, DIFFERS, Lost, Note

TEXT, NUMBER, BOOLEAN, LIST = "text", "number", "boolean", "list"
_MAX_CODE = 1_500
_NESTED = re.compile(r"\{\s*[a-z]+_")


@dataclass(frozen=True, slots=True)
class Choice:
    """What `eq` and its like choose between: our condition, and both texts as the payload writes them."""

    condition: str
    is_boolean: bool  # the condition is a boolean itself, not only true or false in effect
    then: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Given:
    """An expression. `is_free`: its text is somebody's, not fixed; `is_chain`: a filter can follow as it is."""

    code: str
    kind: str
    may_miss: bool = False
    is_free: bool = False
    is_chain: bool = True
    choice: Choice | None = None

    @property
    def chain(self) -> str:
        """Return the expression as the operand of anything."""
        return self.code if self.is_chain else f"({self.code})"

    @property
    def there(self) -> str:
        """Return the expression with empty text where it is missing."""
        return f'{self.chain} | default("")' if self.may_miss else self.chain

    def through(self, *filters: str) -> "Given":
        """Return it with filters of ours after it."""
        return replace(self, code=" | ".join((self.chain, *filters)), is_chain=True, choice=None)

    def within(self, code: str, kind: str = TEXT) -> "Given":
        """Return a larger expression that was made of it, which is never missing."""
        if len(code) > _MAX_CODE:
            raise Lost("its modifiers make too long an expression.")
        return Given(code, kind, is_free=self.is_free, is_chain=False)


@dataclass(slots=True)
class Way:
    """One keyword on its way: the modifiers that are still to come, what was noted, where it stands."""

    is_quoted: bool
    notes: list[Note] = field(default_factory=list)
    encoded: int = 0  # how often it went through json_encode
    is_last: bool = False  # this modifier is the last

    def say(self, kind: str, words: str) -> None:
        """Note something, once."""
        if (note := Note(kind, words)) not in self.notes:
            self.notes.append(note)

    def out(self, argument: str) -> str:
        """Return an argument that is written out, as the JSON around it reads it. Raises Lost."""
        see_plain(argument)
        if not self.is_quoted and not (argument[:1] == argument[-1:] == '"' and len(argument) > 1):
            return argument
        try:
            return str(json.loads(f'"{argument}"' if self.is_quoted else argument))
        except ValueError:
            raise Lost("the text that it writes has an escape that JSON does not know.") from None


def see_plain(argument: str) -> None:
    """Raises Lost where an argument is a keyword itself."""
    if _NESTED.search(argument):
        raise Lost("an argument holds a keyword of its own, between { and }.")


def literal(text: str) -> str:
    """Return fixed text as it stands in an expression. Raises Lost."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Lost("half of a surrogate pair stands alone in what it writes.")
    return json.dumps(text, ensure_ascii=False)


def chosen(condition: str, then: str, otherwise: str, way: Way, *, is_boolean: bool) -> Given:
    """Return a choice between two fixed texts."""
    if condition in ("true", "not true"):  # of what is the same for everybody
        then = otherwise = then if condition == "true" else otherwise
        return Given(literal(way.out(then)), TEXT, choice=Choice("true", True, then, then))
    choice = Choice(condition, is_boolean, then, otherwise)
    words = f"{literal(way.out(then))} if {condition} else {literal(way.out(otherwise))}"
    return Given(words, TEXT, is_chain=False, choice=choice)


def as_text(given: Given, way: Way) -> Given:
    """Return it as Matrix wrote it."""
    if given.kind == BOOLEAN:
        way.say(CARRIED, "Matrix wrote 1 or 0.")
        written = chosen(given.code, "1", "0", way, is_boolean=not given.may_miss)
        if given.may_miss:
            return replace(written, code=f'"1" if {given.chain} else "0" if {given.chain} == false else ""')
        return written
    if given.kind == NUMBER:
        return given.within(f'{given.there} ~ ""')
    if given.kind == LIST:
        way.say(DIFFERS, "Matrix has its own way to write a list; here commas stand between.")
        return given.through('join(",")')
    return given
