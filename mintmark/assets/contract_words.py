"""A contract in plain words, a line for each place that it speaks of: for pages, differences and the help.

Rule: the words are about what is asked for; a claim stands as its name, what is within it behind dots.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mintmark.contracts import FORMATS, TYPE_WORDS, Contract, kinds_of
from mintmark.moment import duration_in_words

_MOST = 8  # values of `one_of` that are named; the rest are counted.


class Line(NamedTuple):
    """One line: what it is about (`is_name`: the name of a claim or header), and what that has to be."""

    about: str
    is_name: bool
    words: str


def contract_lines(contract: Contract) -> list[Line]:
    """Return what a contract says, the claims first."""
    lines = [Line(place, True, words) for name, rule in contract.claims.items() for place, words in _of(name, rule)]
    for name, rule in contract.headers.items():
        lines += [Line(place, True, f"in the header: {words}") for place, words in _of(name, rule)]
    if contract.algorithms:
        lines.append(Line("Algorithm", False, " or ".join(contract.algorithms)))
    if contract.lifetime:
        bounds = {"shortest": "at least", "longest": "at most"}
        said = [f"{bounds[name]} {duration_in_words(seconds)}" for name, seconds in contract.lifetime.items()]
        lines.append(Line("Lifetime", False, " and ".join(said)))
    if contract.identity != "sub":
        lines.append(Line("Knows people", False, f"by their `{contract.identity}`"))
    for name, about, unit in (("bytes", "Secret", "bytes"), ("bits", "RSA key", "bits")):
        if name in contract.key:
            lines.append(Line(about, False, f"at least {contract.key[name]:,} {unit}"))
    return lines


def in_one_line(contract: Contract) -> str:
    """Return the same as one text."""
    return "; ".join(f"{line.about}: {line.words}" for line in contract_lines(contract)) or "asks for nothing"


def _of(place: str, rule: Mapping[str, Any], *, is_member: bool = True) -> Iterator[tuple[str, str]]:
    """Yield a rule and those within it; items and other members are there or not without being asked for."""
    if rule.get("refused"):
        yield place, "may not be there"
        return
    asked = "; ".join(_asked(rule))
    need = ("needed" if rule.get("required") else "may be missing") if is_member else "each"
    if asked or is_member:
        yield place, ": ".join(piece for piece in (need, asked) if piece)
    for name, within in rule.get("members", {}).items():
        yield from _of(f"{place}.{name}", within)
    if "others" in rule:
        yield from _of(f"{place}.*", rule["others"], is_member=False)
    if "items" in rule:
        yield from _of(f"{place}[]", rule["items"], is_member=False)


def _asked(rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a value has to be; a format says that it is text."""
    if "format" in rule:
        yield FORMATS[rule["format"]][1]
    elif kinds := kinds_of(rule):
        yield " or ".join(TYPE_WORDS[kind] for kind in kinds)
    if "constant" in rule:
        yield f"exactly {_value(rule['constant'])}"
    if "one_of" in rule:
        named = [_value(each) for each in rule["one_of"][:_MOST]]
        more = len(rule["one_of"]) - len(named)
        yield f"one of {', '.join(named)}{f' and {more} more' if more else ''}"
    units = [unit for kind, unit in (("text", "characters"), ("list", "items")) if kind in kinds_of(rule)]
    for word, bound in (("shortest", "at least"), ("longest", "at most")):
        if rule.get(word) == 1 and word == "shortest":
            yield "not empty"
        elif word in rule:
            yield f"{bound} {rule[word]:,} {' or '.join(units)}"
    if rule.get("without"):
        yield f"without {' '.join(f'“{character}”' for character in rule['without'])}"


def _value(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
