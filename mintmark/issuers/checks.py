"""One check of a foreign token: what it looks at, and what it says of it to an administrator.

Pure. A check that failed names the row that is told; one that could not be looked at is no pass. What it says of
the token is what one claim or one member of the header holds, shortened, its invisible characters as escapes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.issuers.refusals import CLAIMS_INVALID, INVALID_TOKEN, Row
from mintmark.issuers.rules import QUERY, Rules
from mintmark.unverified import UnverifiedToken

MAX_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, whether it passed (None: could not be looked at), what was found; `row` where it failed."""

    name: str
    passed: bool | None
    words: str
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What a check looks at: a token that nothing is believed of, what is asked of it, the moment, the way it came."""

    token: UnverifiedToken
    rules: Rules
    now: float
    transport: str

    @property
    def unverified_header(self) -> Mapping[str, Any]:
        """Return the header of the token."""
        return self.token.unverified_header

    @property
    def unverified_claims(self) -> Mapping[str, Any]:
        """Return the claims of the token."""
        return self.token.unverified_claims

    @property
    def needs_jti(self) -> bool:
        """Tell whether the token is spent when it signs in, or came by a way that keeps it (browser history)."""
        return self.rules.one_time or self.transport == QUERY


def passed(name: str, words: str) -> Check:
    """Return a check that passed."""
    return Check(name, True, words)


def refused(name: str, words: str) -> Check:
    """Return a check that failed, so that the token is not good at all."""
    return Check(name, False, words, INVALID_TOKEN)


def unclaimed(name: str, words: str) -> Check:
    """Return a check that failed, of a claim that is not as it has to be."""
    return Check(name, False, words, CLAIMS_INVALID)


def unseen(name: str, words: str) -> Check:
    """Return a check that could not be looked at, for another one failed."""
    return Check(name, None, words)


def shown(value: object) -> str:
    """Return a value of a token as words may hold it: short, and nothing in it that cannot be seen."""
    text = f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_SHOWN:
        text = text[: MAX_SHOWN - 2] + ("…”" if isinstance(value, str) else "…")
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def kind(value: object) -> str:
    """Return in words of which JSON type a value is."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
