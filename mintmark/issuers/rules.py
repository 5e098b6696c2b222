"""What is asked of the tokens of one issuer, whoever it is: a trusted issuer or an OpenID provider.

Pure. Every security setting is written out where `Rules` are made: none has a default here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mintmark.tokens import Verifier

MAX_LEEWAY = 60
MAX_QUERY_LIFETIME = 300  # Of a token that came in an address: addresses are kept in histories.
HEADER, BODY, QUERY, CODE = "header", "body", "query", "code"  # by which way a token came
_T = TypeVar("_T")


class KeyNotFound(Exception):
    """There is no live key of this id; the words say why, for the log alone."""


class Keys(Protocol):
    """The live keys of one issuer, and no others (RFC 8725 §3.8)."""

    def find(self, kid: str | None) -> Verifier:
        """Return the key of an id; without an id the only one there is. Raises KeyNotFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a token must be. Durations are in seconds.

    `issuer` is its `iss`; "": it has none. `typ` is accepted beside `JWT` and none at all. `max_lifetime` bounds
    exp − iat, `max_age` how long ago `iat` was. With `one_time` a `jti` is needed. An `is_id_token` is looked at as
    OpenID Connect Core §3.1.3.7 asks; `nonce` is what it must carry, None: nobody knows, and so it signs nobody in.
    `restored_at` is no setting: since when the site goes on from a backup, which may not know what was spent before.
    """

    issuer: str
    algorithm: str
    keys: Keys
    audience: str
    typ: str | None
    required_claims: tuple[str, ...]
    identity_claim: str
    one_time: bool
    leeway: int
    max_lifetime: int
    max_age: int
    is_id_token: bool
    nonce: str | None
    restored_at: int | None = None


def pick(keys: Mapping[Any, _T], kid: str | None) -> _T | None:
    """Return the key of an id; without an id the only one there is (RFC 8725 §3.8)."""
    if kid is not None:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None
