"""Holding the claims and the header of one token against a contract, before it is signed.

Rule: what is found names the place and what was asked for, and never repeats a value of anybody's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.contracts.formats import FORMATS
from mintmark.contracts.vocabulary import TYPE_WORDS, Contract, Rule, kinds_of
from mintmark.tokens import SECRET_ALGORITHMS


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a token breaks a contract: the claim or header, and what is wrong with it.

    `place` is dotted, as `user.email`; `name` is the top-level name, which may have dots of its own
    (`https://a.test/claims`); `is_header` tells which of the two.
    """

    place: str
    reason: str
    name: str
    is_header: bool = False

    @property
    def words(self) -> str:
        """Return it as a sentence without its end."""
        return f"{'the header ' if self.is_header else ''}`{self.place}` {self.reason}"


def find_breach(contract: Contract, claims: Mapping[str, Any], header: Mapping[str, Any]) -> Breach | None:
    """Return the first thing that the relying party would not accept, or None."""
    for name, place, reason in _at_the_top(contract.claims, claims):
        return Breach(place, reason, name)
    if breach := find_header_breach(contract, header):
        return breach
    words = _about_lifetime(contract, claims)
    return Breach("exp", words, "exp") if words else None


def find_header_breach(contract: Contract, header: Mapping[str, Any]) -> Breach | None:
    """Return the first thing in a header, which is the same for everybody, that would not be accepted, or None."""
    for name, place, reason in _at_the_top(contract.headers, header):
        return Breach(place, reason, name, is_header=True)
    return None


def key_breach(contract: Contract, algorithm: str, size: int) -> str:
    """Say what is wrong with the length of a key, or nothing; `size` is in bytes of a secret, in bits of an RSA key.

    The keys of the other algorithms have each the one size that goes with it.
    """
    name = "bytes" if algorithm in SECRET_ALGORITHMS else "bits" if algorithm[:2] in ("RS", "PS") else ""
    needed = contract.key.get(name, 0)
    return f"has {size} {name}; the relying party asks for {needed}" if size < needed else ""


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two values are one to whoever reads them as JSON: 1 is 1.0, and true is not 1, within others too."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return bool(one == other)


def breaches_of(rule: Rule, value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one value that is there."""
    if rule.get("refused"):
        yield place, "may not be there"
        return
    kinds = kinds_of(rule)
    if kinds and not any(_is_of(kind, value) for kind in kinds):
        yield place, f"has to be {_asked_for(rule, kinds)}"
        return
    if "constant" in rule and not is_equal(rule["constant"], value):
        yield place, "is not the fixed value that is asked for"
    if "one_of" in rule and not any(is_equal(each, value) for each in rule["one_of"]):
        yield place, "is none of the values that are taken"
    yield from _about_length(rule, value, place)
    yield from _about_text(rule, value, place)
    for index, each in enumerate(value if "items" in rule else ()):
        yield from breaches_of(rule["items"], each, f"{place}[{index}]")
    if "members" in rule or "others" in rule:
        yield from _within(rule, value, place)


def _at_the_top(rules: Mapping[str, Rule], values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (top-level name, place, reason)."""
    for name, rule in rules.items():
        if name in values:
            yield from ((name, place, reason) for place, reason in breaches_of(rule, values[name], name))
        elif rule.get("required"):
            yield name, name, "is missing"


def _within(rule: Rule, value: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    members = rule.get("members", {})
    for _, named, reason in _at_the_top(members, value):
        yield f"{place}.{named}", reason
    for name in value if "others" in rule else ():
        if name not in members:
            yield from breaches_of(rule["others"], value[name], f"{place}.{name}")


def _asked_for(rule: Rule, kinds: tuple[str, ...]) -> str:
    return FORMATS[rule["format"]][1] if "format" in rule else " or ".join(TYPE_WORDS[kind] for kind in kinds)


def _about_length(rule: Rule, value: Any, place: str) -> Iterator[tuple[str, str]]:
    """The type was looked at: it is text or a list."""
    what = "characters" if isinstance(value, str) else "items"
    if "longest" in rule and len(value) > rule["longest"]:
        yield place, f"is longer than {rule['longest']:,} {what}"
    if "shortest" in rule and len(value) < rule["shortest"]:
        yield place, f"is shorter than {rule['shortest']:,} {what}" if value else "is empty"


def _about_text(rule: Rule, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if "format" in rule:
        is_good, words = FORMATS[rule["format"]]
        if not is_good(value):
            yield place, f"has to be {words}"
    for character in rule.get("without", ""):
        if character in value:
            yield place, f"may not have “{character}” in it"


def _about_lifetime(contract: Contract, claims: Mapping[str, Any]) -> str:
    """`exp` without `iat` cannot be told apart from a moment; the definition was held to the lifetime."""
    if not contract.lifetime or "exp" not in claims or "iat" not in claims:
        return ""
    seconds = claims["exp"] - claims["iat"]
    if seconds > contract.lifetime.get("longest", math.inf):
        return f"is more than {contract.lifetime['longest']:,} seconds after `iat`"
    if seconds < contract.lifetime.get("shortest", 0):
        return f"is less than {contract.lifetime['shortest']:,} seconds after `iat`"
    return ""


def _is_of(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "whole" and (isinstance(value, int) or value.is_integer()))
    return isinstance(value, {"text": str, "list": list, "object": dict}.get(kind, ()))
