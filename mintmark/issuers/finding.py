"""Finding: whose tokens are accepted now, by their `iss`, and what is asked of them.

Rule: read from the database for every sign-in, so that who is switched off, or a key that is taken away, is
refused on every node at once. A secret is opened when a token of its issuer is there, and not before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypedDict

from sqlalchemy import select

from mintmark import keypairs
from mintmark.config import Settings
from mintmark.errors import KeyUnusable, SealError
from mintmark.issuers import ours
from mintmark.issuers.definition import is_site
from mintmark.issuers.key_sources import DISCOVERED, KEY_SET, SECRET, way_of
from mintmark.issuers.keys import keys_of
from mintmark.issuers.refusals import UNKNOWN_ISSUER, TokenRefused
from mintmark.issuers.rules import KeyNotFound, Keys, Rules, pick
from mintmark.issuers.secret import open_secret
from mintmark.models import Site, TrustedIssuer, db
from mintmark.outbound import discovery, key_sets
from mintmark.outbound.fetching import NotFetched
from mintmark.sealing import Sealer
from mintmark.tokens import Verifier

_LONGEST = 255


def find_live(issuer: str) -> TrustedIssuer | None:
    """Return the live trusted issuer of an `iss`, exactly; of "": the one whose tokens have none."""
    if len(issuer) > _LONGEST or "\x00" in issuer or any("\ud800" <= character <= "\udfff" for character in issuer):
        return None
    return db.session.scalar(select(TrustedIssuer).where(TrustedIssuer.issuer == issuer, TrustedIssuer.live))


def origins_of_live_issuers() -> frozenset[str]:
    """Return every origin that a live issuer lists."""
    definitions = db.session.scalars(select(TrustedIssuer.definition).where(TrustedIssuer.live))
    return frozenset(origin for definition in definitions for origin in definition["return_to"])


def rules_of(row: TrustedIssuer, *, settings: Settings, now: float, may_fetch: bool = True) -> Rules:
    """Return what is asked of the tokens of an issuer.

    Its keys refuse to be found where they are keys of this site. `may_fetch`: they may be fetched for this, which
    takes a while and never happens within a transaction that writes.
    """
    definition = row.definition
    return Rules(
        issuer=row.issuer,
        algorithm=definition["algorithm"],
        keys=_keys_of(row, settings, now, may_fetch),
        audience=definition["audience"],
        typ=definition["typ"],
        required_claims=tuple(definition["required_claims"]),
        identity_claim=definition["identity_claim"],
        one_time=definition["one_time"],
        leeway=definition["leeway"],
        max_lifetime=definition["max_lifetime"],
        max_age=definition["max_lifetime"],
        is_id_token=False,
        nonce=None,
        restored_at=db.session.scalar(select(Site.restored_at).where(Site.id == 1)),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issuer that a token may be of, and what it asks; `problem`: why nobody comes in by it, whatever the token."""

    row: TrustedIssuer
    rules: Rules
    problem: str | None


def all_rules(*, settings: Settings, now: float) -> list[Candidate]:
    """Return every trusted issuer, also those switched off, with its rules; nothing is fetched for it."""
    rows = db.session.scalars(select(TrustedIssuer).order_by(TrustedIssuer.name)).all()
    return [candidate(row, settings=settings, now=now) for row in rows]


def candidate(row: TrustedIssuer, *, settings: Settings, now: float) -> Candidate:
    """Return an issuer, be it switched off, with its rules; nothing is fetched for it."""
    problem = None if row.live else "is switched off"
    try:
        see_is_not_ours(row, settings=settings)
    except TokenRefused as refused:
        problem = problem or refused.words
    return Candidate(row, rules_of(row, settings=settings, now=now, may_fetch=False), problem)


def see_is_not_ours(row: TrustedIssuer, *, settings: Settings) -> None:
    """Raises TokenRefused where an issuer is this site, or its secret or a key of it is one that this site signs with.

    Keys that are fetched are looked at when they are found.
    """
    see_is_not_this_site(row, settings=settings)
    if row.sealed is not None:
        try:
            value = open_secret(row, sealer=settings.sealer)
        except SealError:
            return  # It finds no key then.
        if ours.is_our_secret(value, sealer=settings.sealer):
            _refuse("the secret of the issuer is one that this site signs with")
    _see_keys_are_not_ours([key.thumbprint for key in keys_of(row.id)])


def see_is_not_this_site(row: TrustedIssuer, *, settings: Settings) -> None:
    """Raises TokenRefused where the tokens of an issuer are those that this site signs, which may have moved since."""
    if is_site(row.issuer, settings.site_url):
        _refuse("the issuer is this site")


def _see_keys_are_not_ours(thumbprints: Sequence[str]) -> None:
    if ours.ours_among(thumbprints):
        _refuse("a key of the issuer is one that this site signs with")


def _refuse(words: str) -> NoReturn:
    raise TokenRefused(UNKNOWN_ISSUER, "ours", words)


def _keys_of(row: TrustedIssuer, settings: Settings, now: float, may_fetch: bool) -> Keys:
    way = way_of(row.definition)
    if way == SECRET:
        return _OfSecret(row, settings.sealer)
    if way in (KEY_SET, DISCOVERED):
        return _Fetched(row, settings, now, may_fetch)
    return _Listed(row)


class _OfSecret:
    """The one secret of an issuer, whatever `kid` a token names."""

    def __init__(self, row: TrustedIssuer, sealer: Sealer) -> None:
        self._row, self._sealer = row, sealer

    def find(self, kid: str | None) -> Verifier:
        """Return the secret. Raises KeyNotFound, and TokenRefused where this site signs with it."""
        try:
            value = open_secret(self._row, sealer=self._sealer)
            verifier = Verifier(self._row.definition["algorithm"], value)
        except (SealError, KeyUnusable) as error:
            raise KeyNotFound(f"the secret cannot be used: {error}") from error
        if ours.is_our_secret(value, sealer=self._sealer):
            _refuse("the secret of the issuer is one that this site signs with")
        return verifier


class _Listed:
    """The public keys that an administrator entered."""

    def __init__(self, row: TrustedIssuer) -> None:
        self._row = row

    def find(self, kid: str | None) -> Verifier:
        """Return the live key of an id. Raises KeyNotFound, and TokenRefused where this site signs with it."""
        keys = {key.key_id: key for key in keys_of(self._row.id)}
        key = pick({name: key for name, key in keys.items() if key.live}, kid)
        if key is None:
            switched_off = kid is not None and kid in keys
            raise KeyNotFound("the key of this `kid` is switched off" if switched_off else _words(kid))
        _see_keys_are_not_ours([key.thumbprint])
        try:
            return Verifier(self._row.definition["algorithm"], keypairs.public_key_of(key.public))
        except KeyUnusable as error:
            raise KeyNotFound(f"the key cannot be used: {error}") from error


class _Often(TypedDict):
    now: float
    fetch_also: frozenset[str]
    may_fetch: bool
    wanted_kid: str | None


class _Fetched:
    """The keys of a key set at an address, kept for all nodes (mintmark/outbound/key_sets.py)."""

    def __init__(self, row: TrustedIssuer, settings: Settings, now: float, may_fetch: bool) -> None:
        # Taken now: to fetch ends the transaction in which the row was read.
        self._issuer, self._algorithm = row.issuer, row.definition["algorithm"]
        self._jwks_url: str | None = row.definition["jwks_url"]
        self._settings, self._now, self._may_fetch = settings, now, may_fetch

    def find(self, kid: str | None) -> Verifier:
        """Return the key of an id. Raises KeyNotFound, and TokenRefused where this site signs with it."""
        found = pick(self._fetch(kid), kid)
        if found is None:
            raise KeyNotFound(_words(kid))
        verifier, thumbprint = found
        _see_keys_are_not_ours([thumbprint])
        return verifier

    def _fetch(self, kid: str | None) -> Mapping[str | None, tuple[Verifier, str]]:
        often = _Often(now=self._now, fetch_also=self._settings.fetch_also, may_fetch=self._may_fetch, wanted_kid=kid)
        try:
            if self._jwks_url is None:
                return discovery.keys_of(self._issuer, self._algorithm, **often)
            return key_sets.keys_at(self._jwks_url, self._algorithm, **often)
        except NotFetched as error:
            raise KeyNotFound(f"the keys of the issuer are not known: {error}") from error


def _words(kid: str | None) -> str:
    return "no live key has this `kid`" if kid is not None else "it has no `kid`, and there is not exactly one live key"
