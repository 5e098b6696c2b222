"""Holding the claims and the header of one token against a contract, before it is signed.

Rule: what is found names the place and what was asked for, and never repeats a value of anybody's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.contracts.formats import FORMATS
from mintmark.contracts.vocabulary import Contract, Rule
from mintmark.fields import is_same

_SAID = {
    "text": "text",
    "number": "a number",
    "whole": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a token breaks a contract: the claim or header, and what is wrong with it.

    `place` is dotted, as `user.email`; `is_header` tells which of the two.
    """

    place: str
    reason: str
    is_header: bool = False

    @property
    def words(self) -> str:
        """Return it as a sentence without its end."""
        return f"{'the header ' if self.is_header else ''}`{self.place}` {self.reason}"

    @property
    def claim(self) -> str:
        """Return the top-level name."""
        return self.place.split(".")[0].split("[")[0]


def find_breach(contract: Contract, claims: Mapping[str, Any], header: Mapping[str, Any]) -> Breach | None:
    """Return the first thing that the relying party would not accept, or None."""
    for place, reason in _within(contract.claims, None, claims, ""):
        return Breach(place, reason)
    for place, reason in _within(contract.headers, None, header, ""):
        return Breach(place, reason, is_header=True)
    words = _about_lifetime(contract, claims)
    return Breach("exp", words) if words else None


def key_breach(contract: Contract, *, is_secret: bool, size: int) -> str:
    """Say what is wrong with the length of a key, or nothing; `size` is in bytes of a secret, in bits of a pair."""
    name = "bytes" if is_secret else "bits"
    needed = contract.key.get(name, 0)
    return f"has {size} {name}; the relying party asks for {needed}" if size < needed else ""


def breaches_of(rule: Rule, value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one value that is there."""
    if rule.get("refused"):
        yield place, "may not be there"
        return
    kind = rule.get("type")
    if kind is not None and not _is_of(kind, value):
        yield place, f"has to be {_SAID[kind]}"
        return
    if "constant" in rule and not is_same(rule["constant"], value):
        yield place, "is not the fixed value that is asked for"
    if "one_of" in rule and not any(is_same(each, value) for each in rule["one_of"]):
        yield place, "is none of the values that are taken"
    if "longest" in rule and isinstance(value, str | list) and len(value) > rule["longest"]:
        what = "characters" if isinstance(value, str) else "items"
        yield place, f"is longer than {rule['longest']:,} {what}"
    yield from _about_text(rule, value, place)
    if "items" in rule and isinstance(value, list):
        for index, each in enumerate(value):
            yield from breaches_of(rule["items"], each, f"{place}[{index}]")
    if ("members" in rule or "others" in rule) and isinstance(value, dict):
        yield from _within(rule.get("members", {}), rule.get("others"), value, place)


def _within(
    members: Mapping[str, Rule], others: Rule | None, value: Mapping[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    for name, rule in members.items():
        named = f"{place}.{name}" if place else name
        if name in value:
            yield from breaches_of(rule, value[name], named)
        elif rule.get("required"):
            yield named, "is missing"
    if others is not None:
        for name, each in value.items():
            if name not in members:
                yield from breaches_of(others, each, f"{place}.{name}" if place else name)


def _about_text(rule: Rule, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if "format" in rule:
        is_good, words = FORMATS[rule["format"]]
        if not isinstance(value, str) or not is_good(value):
            yield place, f"has to be {words}"
    if "without" in rule and isinstance(value, str):
        for character in rule["without"]:
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
        return kind == "number" or (kind == "whole" and float(value).is_integer())
    return isinstance(value, {"text": str, "list": list, "object": dict}.get(kind, ()))
