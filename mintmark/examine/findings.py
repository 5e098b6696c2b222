"""What an examination finds, in words that are safe to show.

Rule: a finding repeats no value of anybody's; it names the place in the template, the name
that is missing, how many people it concerns, and what to do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.errors import CannotIssue
from mintmark.keys.life import FOR_EVER
from mintmark.moment import iso
from mintmark.payload import MAX_TOKEN_CHARACTERS

BROKEN = "contract_broken"  # Its name is that of a claim, and of nothing that the template asks for.
_NAMED = 5  # made-up people of one finding; the rest are counted.


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about an asset. `is_error`: a real reader would get no token. `people`: ids of some."""

    code: str
    words: str
    is_error: bool = False
    people: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no token could be made: what two people share whom the same mistake concerns.

    `without` names the parameter (or parameters) that were left out when it happened.
    """

    code: str
    reason: str
    line: int | None = None
    column: int | None = None
    name: str | None = None
    hint: str = ""
    without: str = ""

    @classmethod
    def of(cls, error: CannotIssue, without: str = "") -> "Failure":
        """Take the diagnosis of an error; how long a token became, or which item of a list it was, is no part of it."""
        detail = error.detail
        if error.code == BROKEN:
            detail = {**detail, "reason": re.sub(r"\[[0-9]+\]", "[…]", detail["reason"])}
        if error.code == "token_too_large":
            detail = {**detail, "reason": f"the token has more than {MAX_TOKEN_CHARACTERS:,} characters"}
        return cls.of_detail(error.code, detail, without)

    @classmethod
    def of_detail(cls, code: str, detail: Mapping[str, Any], without: str = "") -> "Failure":
        """Take the diagnosis as the log keeps it."""
        line, column, name = (detail.get(field) for field in ("line", "column", "name"))
        name = name if code != BROKEN else None
        return cls(code, detail.get("reason", ""), line, column, name, detail.get("hint", ""), without)

    @property
    def place(self) -> str:
        """Return where in the template, or nothing where it has no place."""
        return f"line {self.line}, column {self.column}" if self.line is not None else ""

    @property
    def advice(self) -> str:
        """Return what to do, to stand behind a sentence; some hints are sentences of their own."""
        if not self.hint:
            return ""
        return (". " if self.hint[0].isupper() else "; ") + self.hint.removesuffix(".")

    @property
    def words(self) -> str:
        """Return the whole diagnosis: place, reason, what to do."""
        place = f"{self.place}: " if self.place else ""
        return place + self.reason.removesuffix(".") + self.advice


@dataclass(frozen=True, slots=True)
class Trial:
    """What one made-up person would get: the claims, or the failures."""

    words: str
    claims: dict[str, Any] | None
    failures: tuple[Failure, ...]


def about_readers(failure: Failure, amount: int, share: str, people: tuple[str, ...]) -> Finding:
    """Say how many readers would get an error; where a parameter had to be left out for it, only warn."""
    has = "has" if amount == 1 else "have"
    without = f"without the parameter {failure.without} " if failure.without else ""
    if failure.name and failure.name.startswith("user."):
        where = f" ({failure.place})" if failure.place else ""
        words = f"{share} {has} no `{failure.name}`{where}: {without}they would get 500{failure.advice}"
    else:
        words = f"{share} would get 500 {without}".rstrip() + f": {failure.words}"
    return Finding(failure.code, words, is_error=not failure.without, people=people)


def about_awkward(failure: Failure, who: list[str]) -> Finding:
    """Say which made-up people would get an error."""
    without = f" without the parameter {failure.without}" if failure.without else ""
    more = f"; {len(who) - _NAMED} more" if len(who) > _NAMED else ""
    made_up = "; ".join(who[:_NAMED]) + more
    words = f"a made-up person ({made_up}) would get 500{without}: {failure.words}"
    return Finding("awkward_person", words)


def about_asset(error: CannotIssue) -> Finding:
    """Say why nobody gets a token from this asset."""
    return Finding(error.code, f"nobody gets a token: {Failure.of(error).words}", is_error=True)


def about_coming(from_at: float, words: str) -> Finding:
    """Say that what signs from a moment on, or once somebody switches to it, breaks the contract."""
    when = "once what is staged signs" if from_at == FOR_EVER else f"from {iso(int(from_at))} on"
    return Finding("coming_breach", f"{when} its tokens would break the contract, and nobody would get one: {words}")
