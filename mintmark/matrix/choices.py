"""Modifiers that choose between texts, and those that take lists apart.

Rule: a choice keeps the condition and both texts apart, so that whoever places it can write true, false, numbers and
null as such. What PHP compares otherwise is noted with the modifier that does it.
"""

import re

from .given import BOOLEAN, LIST, NUMBER, TEXT, Given, Way, chosen, literal
from .report import DIFFERS, Lost
from .texts import WHOLE, ZERO, argument_at, exactly, text_of

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?", re.ASCII)
_NUMERIC = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)


def _need(arguments: list[str], count: int) -> None:
    if len(arguments) < count:
        raise Lost("what to write is not given.")


# What chooses


def eq(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where it equals a value, else the other. Raises Lost."""
    _need(arguments, 2)
    condition, is_boolean = _is_equal(given, arguments[0], way)
    return chosen(condition, arguments[1], argument_at(arguments, 2), way, is_boolean=is_boolean)


def neq(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where it differs from a value, else the other. Raises Lost."""
    _need(arguments, 2)
    condition, is_boolean = _is_equal(given, arguments[0], way)
    return chosen(condition, argument_at(arguments, 2), arguments[1], way, is_boolean=is_boolean)


def _is_equal(given: Given, value: str, way: Way) -> tuple[str, bool]:
    """Return the condition that this equals what is written, and whether it is a boolean. Raises Lost."""
    if given.kind == BOOLEAN:
        if value not in ("0", "1"):
            raise Lost("it compares with something else than 0 or 1.")
        if value == "1":
            return given.chain, not given.may_miss
        # Missing was empty text there, which PHP takes for no number: it equals neither "0" nor "1".
        return (f"{given.chain} == false" if given.may_miss else f"not {given.chain}"), True
    if given.kind == NUMBER:
        if not _NUMBER.fullmatch(value):
            raise Lost("it compares a number with text.")
        return f"{given.chain} == {value}", True
    if given.kind == LIST:
        raise Lost("it compares a list.")
    if not value:
        return f"not {given.chain}", True
    if _NUMERIC.fullmatch(value):
        way.say(DIFFERS, f"PHP compares loosely: there “{value}.0” equals “{value}” too; here only the same text does.")
    return f"{given.chain} == {literal(value)}", True


def empty(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose another text where it is empty. Raises Lost."""
    _need(arguments, 1)
    if given.kind == BOOLEAN:
        otherwise = arguments[1] if len(arguments) > 1 else "1"
        return chosen(given.code, otherwise, arguments[0], way, is_boolean=not given.may_miss)
    way.say(DIFFERS, ZERO)
    if len(arguments) > 1:
        return chosen(given.chain, arguments[1], arguments[0], way, is_boolean=False)
    if given.kind == NUMBER and _NUMBER.fullmatch(arguments[0]):
        return Given(f"{given.chain} | default({arguments[0]})", NUMBER)
    text = text_of(given, way)
    return text.within(f"{text.chain} or {literal(way.out(arguments[0]))}")


def notempty(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose another text where it is not empty. Raises Lost."""
    _need(arguments, 1)
    if given.kind == BOOLEAN:
        otherwise = arguments[1] if len(arguments) > 1 else "0"
        if given.may_miss and len(arguments) == 1:
            way.say(DIFFERS, "Where it is missing 0 is written here; Matrix wrote nothing there.")
        return chosen(given.code, arguments[0], otherwise, way, is_boolean=not given.may_miss)
    way.say(DIFFERS, ZERO)
    return chosen(given.chain, arguments[0], argument_at(arguments, 1), way, is_boolean=False)


def contains(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where it contains a text, else the other. Raises Lost."""
    _need(arguments, 2)
    text = text_of(given, way)
    condition = f"{literal(exactly(arguments[0]))} in {text.chain}"
    return chosen(condition, arguments[1], argument_at(arguments, 2), way, is_boolean=True)


def larger(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where it is larger than a number, else the other. Raises Lost."""
    return _by_size(">", given, arguments, way)


def smaller(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where it is smaller than a number, else the other. Raises Lost."""
    return _by_size("<", given, arguments, way)


def _by_size(sign: str, given: Given, arguments: list[str], way: Way) -> Given:
    _need(arguments, 2)
    if given.kind != NUMBER or not _NUMBER.fullmatch(arguments[0]):
        raise Lost("only numbers have a size here; declare a number attribute in its place.")
    given_or_0 = f"{given.chain} | default(0)" if given.may_miss else given.chain
    return chosen(f"{given_or_0} {sign} {arguments[0]}", arguments[1], argument_at(arguments, 2), way, is_boolean=True)


# Lists


def _listed(given: Given) -> Given:
    if given.kind != LIST:
        raise Lost("only a list can be taken apart here.")
    return given


def in_array(given: Given, arguments: list[str], way: Way) -> Given:
    """Choose one text where a list holds an item, else the other. Raises Lost."""
    _need(arguments, 2)
    condition = f"{literal(arguments[0])} in {_listed(given).chain}"
    return chosen(condition, arguments[1], argument_at(arguments, 2), way, is_boolean=True)


def index(given: Given, arguments: list[str], way: Way) -> Given:
    """Take one item of a list. Raises Lost."""
    if not WHOLE.fullmatch(argument_at(arguments, 0)):
        raise Lost("it takes a whole number.")
    return Given(f"{_listed(given).chain}[{int(arguments[0])}]", TEXT, True, is_free=True)


def implode(given: Given, arguments: list[str], way: Way) -> Given:
    """Join the items of a list. Raises Lost."""
    joined = _listed(given).through(f"join({literal(way.out(argument_at(arguments, 0)))})")
    return Given(joined.code, TEXT, given.may_miss, is_free=True)


def count(given: Given, _: list[str], way: Way) -> Given:
    """Count the items of a list. Raises Lost."""
    counted = f"{_listed(given).chain} | length" + (" | default(0)" if given.may_miss else "")
    return Given(counted, NUMBER)


def json_decode(given: Given, _: list[str], way: Way) -> Given:
    """Leave a list: it is one already. Raises Lost."""
    return _listed(given)
