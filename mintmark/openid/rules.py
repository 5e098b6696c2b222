"""What is asked of a provider's ID token (OpenID Connect Core §3.1.3.7), by the one verifier of foreign tokens.

Rule: its keys are those of the key set that its own metadata names, never one with which this site signs. A sign-in
and the page that explains why one was refused ask the same.
"""

from collections.abc import Mapping
from typing import Any

from mintmark.issuers import checking, ours
from mintmark.issuers.checking import Verified
from mintmark.issuers.rules import CODE, MAX_LEEWAY, KeyNotFound, Rules, pick
from mintmark.models import OpenIDProvider
from mintmark.openid.flow import ProviderAway
from mintmark.outbound import discovery, key_sets
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.key_sets import Keys
from mintmark.tokens import Verifier
from mintmark.unverified import UnverifiedToken

MAX_LIFETIME = 86_400
MAX_AGE = 600  # It was made for this sign-in, which is at most so old.


def verify_id_token(
    token: UnverifiedToken,
    row: OpenIDProvider,
    metadata: Mapping[str, Any],
    *,
    nonce: str,
    now: float,
    fetch_also: frozenset[str],
) -> Verified:
    """Return what an ID token says. Raises TokenRefused, and ProviderAway where its keys cannot be had."""
    unverified_kid, algorithm = token.unverified_header.get("kid"), row.definition["algorithm"]
    found = key_sets.key_set_at(
        metadata["jwks_uri"],
        algorithm,
        now=now,
        fetch_also=discovery.listed_for(row.issuer, fetch_also=fetch_also),
        wanted_kid=unverified_kid if isinstance(unverified_kid, str) else None,
    )
    if not found.is_known or not found.keys:
        none = f"Its key set has none for {algorithm}." if found.is_known else "There was no time left to read them."
        raise ProviderAway(f"Its keys cannot be had. {found.problem or none}")
    return checking.verify(token, _rules_of(row, _KeySet(found.keys), nonce), now=now, transport=CODE)


def rules_of(row: OpenIDProvider, *, now: float, fetch_also: frozenset[str]) -> Rules:
    """Return what is asked of a token of which nobody knows the sign-in, with the keys that were read before."""
    try:
        keys = discovery.keys_of(
            row.issuer, row.definition["algorithm"], now=now, fetch_also=fetch_also, may_fetch=False
        )
    except NotFetched as error:
        return _rules_of(row, _KeySet({}, f"the provider’s keys are not known here: {error}"), None)
    return _rules_of(row, _KeySet(keys), None)


def _rules_of(row: OpenIDProvider, keys: "_KeySet", nonce: str | None) -> Rules:
    return Rules(
        issuer=row.issuer,
        algorithm=row.definition["algorithm"],
        keys=keys,
        audience=row.client_id,
        typ=None,
        required_claims=(),
        identity_claim="sub",
        one_time=False,
        leeway=MAX_LEEWAY,
        max_lifetime=MAX_LIFETIME,
        max_age=MAX_AGE,
        is_id_token=True,
        nonce=nonce,
    )


class _KeySet:
    """The keys of a provider as they were fetched; `problem` is why there are none."""

    def __init__(self, found: Keys, problem: str | None = None) -> None:
        self._found, self._problem = found, problem

    def find(self, kid: str | None) -> Verifier:
        """Return the key of an id; without an id the only one there is. Raises KeyNotFound."""
        key = pick(self._found, kid)
        if key is None or ours.ours_among([key[1]]):
            none = "the provider’s key set has no such key, or several and the token names none"
            raise KeyNotFound(self._problem or none)
        return key[0]
