"""Modifiers that make another text of a text: what each becomes in our language.

Rule: what PHP does otherwise is noted with the modifier that does it, whoever the person is.
"""

import re
from collections.abc import Callable

from .given import NUMBER, TEXT, Given, Way, as_text, literal
from .report import CARRIED, DIFFERS, Lost

WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)
ZERO = "Matrix takes “0” for empty too; here it is not."
_SPECIAL = re.compile(r"[.*+?|{}()^$\[\]]")


def text_of(given: Given, way: Way) -> Given:
    """Return it as the text that Matrix wrote."""
    return given if given.kind == TEXT else as_text(given, way)


def argument_at(arguments: list[str], index: int) -> str:
    """Return an argument, or empty text where there is none."""
    return arguments[index] if index < len(arguments) else ""


# What goes through a filter of ours


def lowercase(given: Given, _: list[str], way: Way) -> Given:
    """Write it in small letters."""
    way.say(DIFFERS, "`lowercase` changed A–Z only; here É becomes é too.")
    return text_of(given, way).through("lower")


def uppercase(given: Given, _: list[str], way: Way) -> Given:
    """Write it in capitals."""
    way.say(DIFFERS, "`uppercase` changed a–z only; here é becomes É too.")
    return text_of(given, way).through("upper")


def trim(given: Given, _: list[str], way: Way) -> Given:
    """Take the white space at its ends away."""
    way.say(CARRIED, "`trim` takes all white space of Unicode away here, not only that of ASCII.")
    return text_of(given, way).through("trim")


def capitals(given: Given, _: list[str], way: Way) -> Given:
    """Leave it: there is no like of `capitalize` and `titleize`, and whoever keeps names writes them in full."""
    way.say(DIFFERS, "Capitals at the beginning were made here (the rest of the word stayed); now text stays as kept.")
    return text_of(given, way)


def replace(given: Given, arguments: list[str], way: Way) -> Given:
    """Replace one text by another. Raises Lost."""
    if not argument_at(arguments, 0):
        raise Lost("what is replaced is not given.")
    if re.search(r"[$\\][0-9]", argument_at(arguments, 1)):
        raise Lost("it refers to groups of a regular expression.")
    old, new = literal(exactly(arguments[0])), literal(way.out(argument_at(arguments, 1)))
    return text_of(given, way).through(f"replace({old}, {new})")


def exactly(pattern: str) -> str:
    """Return the one text that a regular expression stands for. Raises Lost."""
    bare = re.sub(r"\\[^A-Za-z0-9]", "", pattern)
    if _SPECIAL.search(bare) or "\\" in bare:
        raise Lost("it searches by a regular expression, which templates do not have.")
    return re.sub(r"\\(.)", r"\1", pattern)


def underscore(given: Given, _: list[str], way: Way) -> Given:
    """Write underscores for spaces."""
    way.say(DIFFERS, "`underscore` replaced all white space; here spaces only.")
    return text_of(given, way).through('replace(" ", "_")')


def nl2br(given: Given, _: list[str], way: Way) -> Given:
    """Write line breaks of HTML."""
    return text_of(given, way).through('replace("\\n", "<br />\\n")')


def escapehtml(given: Given, _: list[str], way: Way) -> Given:
    """Escape it for HTML."""
    way.say(DIFFERS, "`&`, `<`, `>` and quotation marks are escaped for HTML; most relying parties escape themselves.")
    pairs = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
    return text_of(given, way).through(*(f"replace({literal(old)}, {literal(new)})" for old, new in pairs))


def maxchars(given: Given, arguments: list[str], way: Way) -> Given:
    """Take its first characters. Raises Lost."""
    if not WHOLE.fullmatch(argument_at(arguments, 0)):
        raise Lost("it takes a whole number.")
    way.say(DIFFERS, "`maxchars` may have added an ellipsis; here nothing is added.")
    return text_of(given, way).through(f"truncate({int(arguments[0])})")


def charcount(given: Given, _: list[str], way: Way) -> Given:
    """Count its characters."""
    way.say(DIFFERS, "`charcount` counted bytes; here characters are counted.")
    text = text_of(given, way)
    return Given(f"{text.there} | length", NUMBER)


# What is put before, after and around


def append(given: Given, arguments: list[str], way: Way) -> Given:
    """Put text after it."""
    text = text_of(given, way)
    return text.within(f"{text.there} ~ {literal(way.out(argument_at(arguments, 0)))}")


def prepend(given: Given, arguments: list[str], way: Way) -> Given:
    """Put text before it."""
    text = text_of(given, way)
    return text.within(f"{literal(way.out(argument_at(arguments, 0)))} ~ {text.there}")


def append_if(given: Given, arguments: list[str], way: Way) -> Given:
    """Put text after it where it is not empty."""
    return _if_there(given, way, lambda text: f"{text.chain} ~ {literal(way.out(argument_at(arguments, 0)))}")


def prepend_if(given: Given, arguments: list[str], way: Way) -> Given:
    """Put text before it where it is not empty."""
    return _if_there(given, way, lambda text: f"{literal(way.out(argument_at(arguments, 0)))} ~ {text.chain}")


def tag(given: Given, arguments: list[str], way: Way) -> Given:
    """Put it within an HTML element. Raises Lost."""
    text, (opening, closing) = text_of(given, way), _tags(arguments)
    return text.within(f"{opening} ~ {text.there} ~ {closing}")


def tagif(given: Given, arguments: list[str], way: Way) -> Given:
    """Put it within an HTML element where it is not empty. Raises Lost."""
    opening, closing = _tags(arguments)
    return _if_there(given, way, lambda text: f"{opening} ~ {text.chain} ~ {closing}")


def _tags(arguments: list[str]) -> tuple[str, str]:
    name = argument_at(arguments, 0)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,20}", name):
        raise Lost("it takes the name of an HTML tag.")
    return literal(f"<{name}>"), literal(f"</{name}>")


def _if_there(given: Given, way: Way, code: Callable[[Given], str]) -> Given:
    text = text_of(given, way)
    way.say(DIFFERS, ZERO)
    return text.within(f'{code(text)} if {text.chain} else ""')


# For the JSON around it


def json_encode(given: Given, _: list[str], way: Way) -> Given:
    """Leave it: the site writes the JSON. Raises Lost."""
    way.encoded += 1
    if way.encoded > 1:
        raise Lost("it stands here twice.")
    if not way.is_last:
        way.say(DIFFERS, "What came after `json_encode` changed JSON; here it changes the text, before the JSON.")
    return given


def escapequotes(given: Given, _: list[str], way: Way) -> Given:
    """Leave it: the site writes what JSON needs."""
    way.encoded = max(way.encoded, 1)
    way.say(CARRIED, "`escapequotes` is left out: the site writes the JSON.")
    return given
