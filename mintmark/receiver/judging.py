"""Whether a relying party takes a token, and in plain words why not.

Rule: first the signature, with the key and the algorithm that the party was set up with (RFC 8725 §3.1);
only of a token that is really signed are the claims looked at, and then all of them. Words repeat nothing of
a token but what is short and was verified, or is said to be unverified.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mintmark.moment import iso
from mintmark.receiver.key_set import KeySet, KeySetUnread
from mintmark.receiver.parties import Party
from mintmark.tokens import Verifier
from mintmark.unverified import TokenMalformed, UnverifiedToken, read_unverified

LEEWAY = 30
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a token: good where there are no reasons. Of a refused one header and claims are unverified."""

    reasons: tuple[str, ...]
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    key: str | None = None
    expires_at: float | None = None

    @property
    def is_good(self) -> bool:
        """Tell whether the token was accepted."""
        return not self.reasons

    @property
    def word(self) -> str:
        """Return what the page says first."""
        return "Verified" if self.is_good else "Refused"


class Judge:
    """One relying party with its key, and the ids of tokens that it took."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self._secret = None if party.secret is None else Verifier(party.algorithm, party.secret)
        self._key_set = None if party.jwks_url is None else KeySet(party.jwks_url, party.algorithm)
        self._taken = _Taken()

    def judge(self, text: str, *, now: float) -> Verdict:
        """Take a token or refuse it; never raises, whatever the text."""
        try:
            token = read_unverified(text)
        except TokenMalformed as error:
            return Verdict((str(error),))
        key, reason = self._signed_by(token)
        if reason:
            return Verdict((reason,), token.unverified_header, token.unverified_claims)
        claims = token.unverified_claims  # Believed from here on: the signature is that of our key.
        reasons = [*_wrong_times(claims, now), *_wrong_audience(claims, self.party.audience)]
        if self.party.one_time and not reasons:
            reasons += self._taken.refusals(claims, now)
        expires_at = float(claims["exp"]) if _is_moment(claims.get("exp")) else None
        return Verdict(tuple(reasons), token.unverified_header, claims, key, expires_at)

    def _signed_by(self, token: UnverifiedToken) -> tuple[str, str | None]:
        """Return the key in words, and why the signature is not believed."""
        said = token.unverified_algorithm
        if said.lower() == "none":
            return "", "It is not signed: its header says alg: none (RFC 8725 §3.2)."
        if said != self.party.algorithm:
            return "", f"Its header says another algorithm; this relying party takes {self.party.algorithm} alone."
        if "crit" in token.unverified_header:
            return "", "Its header demands an extension that this relying party does not know (crit)."
        try:
            key_id, verifier = self._key_for(token)
        except KeySetUnread as error:
            return "", str(error)
        if verifier is None:
            return "", "It names no key of the key set: it was signed with another key, or with one that is gone."
        if not verifier.has_signed(token):
            return "", "Its signature does not fit: it was changed on its way, or signed with another key."
        return key_id, None

    def _key_for(self, token: UnverifiedToken) -> tuple[str, Verifier | None]:
        if self._key_set is None:
            return "the shared secret", self._secret
        named = token.unverified_header.get("kid")
        found = self._key_set.find(named if isinstance(named, str) else None)
        return ("", None) if found is None else (f"the key “{found[0]}” of the key set", found[1])


class _Taken:
    """The ids of tokens that were taken and have not expired (RFC 7519 §4.1.7)."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def refusals(self, claims: dict[str, Any], now: float) -> Sequence[str]:
        """Remember a token that was found good, or say why it is not taken."""
        token_id = claims.get("jti")
        if not isinstance(token_id, str) or not token_id:
            return ["It has no id (jti), and this relying party takes each token once."]
        with self._lock:
            if self._until.get(token_id, 0) > now:
                return ["It was seen before: this relying party takes each token once (jti)."]
            if len(self._until) >= MAX_REMEMBERED:
                self._until = {each: until for each, until in self._until.items() if until > now}
            if len(self._until) >= MAX_REMEMBERED:
                return ["Too many tokens came: no more can be remembered at this moment."]
            self._until[token_id] = float(claims["exp"]) + LEEWAY
        return []


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 253_402_300_800


def _wrong_times(claims: dict[str, Any], now: float) -> list[str]:
    """Say what is wrong with its moments (RFC 7519 §4.1.4 to §4.1.6)."""
    if wrong := [name for name in ("exp", "nbf", "iat") if name in claims and not _is_moment(claims[name])]:
        return [f"Its {name} is no moment." for name in wrong]
    if "exp" not in claims:
        return ["It says no end (exp), and this relying party takes no token for ever."]
    reasons = []
    if claims["exp"] <= now - LEEWAY:
        reasons.append(f"It has expired, at {_when(claims['exp'])}.")
    if claims.get("nbf", 0) > now + LEEWAY:
        reasons.append(f"It is not good before {_when(claims['nbf'])} (nbf).")
    if claims.get("iat", 0) > now + LEEWAY:
        reasons.append(f"It was issued in the future, at {_when(claims['iat'])} (iat).")
    return reasons


def _when(at: float) -> str:
    return f"{iso(at)[:19].replace('T', ' ')} UTC"


def _wrong_audience(claims: dict[str, Any], audience: str | None) -> list[str]:
    """Say whom else it is for (RFC 7519 §4.1.3)."""
    named = claims.get("aud")
    if "aud" not in claims:
        return [] if audience is None else [f"It names no audience (aud); this relying party is “{audience}”."]
    if audience is None:
        return ["It is for somebody else: it names an audience (aud), and this relying party has no such name."]
    if named == audience or (isinstance(named, list) and audience in named):
        return []
    return [f"It is for somebody else: its audience (aud) is not “{audience}”."]
