"""The moments of a token: `exp`, `nbf`, `iat`, and how long it lives (RFC 7519 §4.1.4–§4.1.6).

Pure. A moment is a JSON number of seconds since 1970 that every reader can hold; text and true are none
(RFC 7519 §2). The clocks of two sites may differ by the leeway, which lengthens no life.
"""

import math
from datetime import UTC, datetime
from typing import Any

from mintmark.issuers.checks import Check, Given, kind, passed, refused, shown, unclaimed, unseen
from mintmark.issuers.refusals import TOKEN_EXPIRED
from mintmark.issuers.rules import MAX_QUERY_LIFETIME, QUERY
from mintmark.moment import duration_in_words

MAX_MOMENT = 2**53 - 1  # As far as every reader of JSON counts exactly (RFC 8259 §6).
_LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


def is_moment(value: Any) -> bool:
    """Tell whether a value is a moment."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= MAX_MOMENT


def check_exp(given: Given) -> Check:
    """`exp`: required, and the clock is before it (RFC 7519 §4.1.4)."""
    if fault := _fault(given, "exp"):
        return unclaimed("exp", fault)
    exp, late = given.unverified_claims["exp"], given.now - given.unverified_claims["exp"]
    if late < given.rules.leeway:
        return passed("exp", f"{_here(given)}; the token expires at {_clock(exp, given.now)}")
    words = f"{_here(given)}; the token expired at {_clock(exp, given.now)}: {_past(_apart(given.now, exp), given)}"
    return Check("exp", False, words, TOKEN_EXPIRED)


def check_nbf(given: Given) -> Check:
    """`nbf`: where there is one, the clock is not before it, and it is before `exp` (RFC 7519 §4.1.5)."""
    claims = given.unverified_claims
    if "nbf" not in claims:
        return passed("nbf", "there is no `nbf`")
    if fault := _fault(given, "nbf"):
        return refused("nbf", fault)
    nbf, early = claims["nbf"], claims["nbf"] - given.now
    if early > given.rules.leeway:
        ahead = _ahead(_apart(nbf, given.now), given)
        return refused("nbf", f"{_here(given)}; the token is good from {_clock(nbf, given.now)} on: {ahead}")
    if is_moment(claims.get("exp")) and nbf >= claims["exp"]:
        return refused("nbf", "`nbf` is not before `exp`: the token is good at no moment")
    return passed("nbf", f"the token is good from {_clock(nbf, given.now)} on")


def check_iat(given: Given) -> Check:
    """`iat`: required, not ahead of the clock, and not long ago (RFC 7519 §4.1.6)."""
    if fault := _fault(given, "iat"):
        return unclaimed("iat", fault)
    iat, rules = given.unverified_claims["iat"], given.rules
    made = f"{_here(given)}; the token was made at {_clock(iat, given.now)}"
    age = given.now - iat
    if -age > rules.leeway:
        return unclaimed("iat", f"{made}: {_ahead(_apart(iat, given.now), given)}")
    if age > rules.max_age + rules.leeway:
        oldest = duration_in_words(rules.max_age)
        ago = _span(_apart(given.now, iat))
        return unclaimed("iat", f"{made}: {ago} ago; at most {oldest} and the leeway of {rules.leeway} are")
    # It may have been spent before, by a clock that was the leeway behind, and the backup does not know.
    if rules.restored_at is not None and iat <= rules.restored_at + rules.leeway:
        since = _clock(rules.restored_at, given.now)
        words = f"{made}: before the site was restored at {since}, or within the leeway after it; make a new one"
        return Check("iat", False, words, TOKEN_EXPIRED)
    return passed("iat", made)


def check_lifetime(given: Given) -> Check:
    """`exp` − `iat`: more than nothing, and no more than the issuer may give; in an address at most five minutes."""
    exp: Any = given.unverified_claims.get("exp")
    iat: Any = given.unverified_claims.get("iat")
    if not is_moment(exp) or not is_moment(iat):
        return unseen("lifetime", "that takes both `exp` and `iat`")
    lifetime = exp - iat
    if lifetime <= 0:
        return unclaimed("lifetime", "`exp` is not after `iat`")
    longest, why = given.rules.max_lifetime, ""
    if given.transport == QUERY and longest > MAX_QUERY_LIFETIME:
        longest, why = MAX_QUERY_LIFETIME, " in an address"
    words = f"the token lives {_span(lifetime)}; at most {duration_in_words(longest)} is taken{why}"
    return passed("lifetime", words) if lifetime <= longest else unclaimed("lifetime", words)


def _fault(given: Given, name: str) -> str | None:
    """Return in words why a claim is no moment, or None."""
    if name not in given.unverified_claims:
        return f"there is no `{name}`"
    value = given.unverified_claims[name]
    if is_moment(value):
        return None
    if kind(value) == "a number":
        return f"`{name}` is {shown(value)}; it takes seconds since 1970, from 0 to 2^53 − 1"
    return f"`{name}` is {shown(value)}, {kind(value)}; a JSON number is asked"


def _clock(moment: float, now: float) -> str:
    """Say a moment: the time of today, or with its day."""
    if moment > _LAST:
        return f"{shown(moment)} seconds after 1970"
    then, today = datetime.fromtimestamp(moment, UTC), datetime.fromtimestamp(min(max(now, 0), _LAST), UTC)
    return then.strftime("%H:%M:%S" if then.date() == today.date() else "%Y-%m-%d %H:%M:%S") + " UTC"


def _here(given: Given) -> str:
    return f"the clock here says {_clock(given.now, given.now)}"


def _apart(later: float, earlier: float) -> float:
    """Return how far two moments are apart as clocks show them, in whole seconds, so that the words agree with them."""
    return math.floor(later) - math.floor(earlier)


def _past(late: float, given: Given) -> str:
    return f"{_span(late)} ago, {_more(late, given)}"


def _ahead(early: float, given: Given) -> str:
    return f"{_span(early)} from now, {_more(early, given)}"


def _more(seconds: float, given: Given) -> str:
    return f"{_span(seconds - given.rules.leeway)} more than the leeway of {given.rules.leeway}"


def _span(seconds: float) -> str:
    """Say a duration; one that is not whole with its fraction where that is all of it."""
    if seconds < 1 and seconds:
        return "less than a second"
    return duration_in_words(int(seconds)) if seconds <= _LAST else f"{shown(seconds)} seconds"
