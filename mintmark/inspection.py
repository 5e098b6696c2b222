"""Inspecting a token that somebody pasted: which asset or signing key signed it, as far as a person may know.

Nothing of the token is written anywhere. The algorithm is that of each asset and key (RFC 8725 §3.1): a key
is tried for its own alone, a secret never on a token of keys. The search is bounded in assets and in
time; it says how far it came.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from mintmark.assets.listing import fetchable
from mintmark.assets.secrets import open_secret
from mintmark.assets.signing import Source, sources_of
from mintmark.errors import KeyUnusable, SealError
from mintmark.keypairs import public_key_of
from mintmark.keys import rings
from mintmark.keys.life import state_of
from mintmark.models import IS_CURRENT, Asset, Person, Revision, Secret, SigningKey, db
from mintmark.sealing import Sealer
from mintmark.tokens import ALGORITHMS, KEY_ALGORITHMS, Verifier
from mintmark.unverified import UnverifiedToken

MAX_ASSETS = 1_000
MAX_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Search:
    """What came of it: the asset that signed, if any, how many were tried, and whether there were more.

    `which` of its secrets it was: present, next or former.
    """

    path: str | None
    name: str | None
    tried: int
    has_more: bool
    which: str = "present"


@dataclass(frozen=True, slots=True)
class KeySearch:
    """What came of looking for the key that a header names: that key, whether it signed, and its state now.

    `assets` are those that it may have signed for, of those that the person may fetch; `has_more`: not all of them.
    `is_other`: it did not sign for the asset that was asked for.
    """

    key: SigningKey | None
    has_signed: bool = False
    state: str = ""
    assets: tuple[Asset, ...] = ()
    has_more: bool = False
    is_other: bool = False


def find_obstacle(token: UnverifiedToken) -> str | None:
    """Return in words why no asset can have signed a token, whatever the secrets and keys, or None."""
    algorithm = token.unverified_algorithm
    if algorithm.lower() == "none":
        return "Nobody signed it: its header says `none`, so anybody may have written it."
    if algorithm not in ALGORITHMS:
        return f"No asset signs with the algorithm that its header says; assets sign with {', '.join(ALGORITHMS)}."
    if "crit" in token.unverified_header:
        return "Its header demands extensions (`crit`) that this site does not use."
    if algorithm in KEY_ALGORITHMS and not isinstance(token.unverified_header.get("kid"), str):
        return "Its header says no key id (`kid`); every token of this site’s signing keys says one."
    return None


def is_of_key(token: UnverifiedToken) -> bool:
    """Tell whether a token says that a signing key signed it, not a secret."""
    return token.unverified_algorithm in KEY_ALGORITHMS


def find_key(
    token: UnverifiedToken,
    person: Person,
    *,
    now: float,
    asset_id: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> KeySearch:
    """Look for the signing key that a header names, whatever became of it, and see whether it signed, and for whom."""
    key_id = token.unverified_header.get("kid")
    key = rings.find_key(key_id) if isinstance(key_id, str) and "\x00" not in key_id else None
    if key is None or not Verifier(key.algorithm, public_key_of(key.public)).has_signed(token):
        return KeySearch(key)
    served = Asset.id.in_(select(Revision.asset_id).where(Revision.ring_id == key.ring_id))
    state, is_other = state_of(key, now), False
    if asset_id is not None:
        asked = [asset for asset, _ in fetchable(person, which=served & (Asset.id == asset_id))[0]]
        if its_own := _named_in(token, asked):
            return KeySearch(key, True, state, its_own)
        is_other = not asked
    its_own, some, has_more = _served(token, person, served, clock)
    if its_own:
        return KeySearch(key, True, state, its_own, is_other=asset_id is not None)
    return KeySearch(key, True, state, some, has_more, is_other)


def _served(
    token: UnverifiedToken, person: Person, served: ColumnElement[bool], clock: Callable[[], float]
) -> tuple[tuple[Asset, ...], tuple[Asset, ...], bool]:
    """Return the assets of a key that a token names in its `aud`, some of all of them, and whether there are more."""
    some: tuple[Asset, ...] = ()
    end, tried, after, has_more = clock() + MAX_SECONDS, 0, "", True
    while has_more and tried < MAX_ASSETS and (not tried or clock() < end):
        page, has_more = fetchable(person, after=after, which=served)
        assets = tuple(asset for asset, _ in page)
        if its_own := _named_in(token, assets):
            return its_own, (), False
        some, tried, after = some or assets, tried + len(page), assets[-1].path if assets else after
    return (), some, has_more or tried > len(some)


def _named_in(token: UnverifiedToken, assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Return the assets whose own `aud` a token says; those that share a key have one each."""
    audience = token.unverified_claims.get("aud")
    heard = {each for each in (audience if isinstance(audience, list) else [audience]) if isinstance(each, str)}
    return tuple(asset for asset in assets if heard & set(asset.audience or ()))


def find_signer(
    token: UnverifiedToken,
    person: Person,
    *,
    sealer: Sealer,
    now: float,
    asset_id: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Search:
    """Try the secrets of the live assets that a person may fetch, by path, or of the one that was asked for."""
    end, tried, after, has_more = clock() + MAX_SECONDS, 0, "", True
    which = None if asset_id is None else Asset.id == asset_id
    while has_more and tried < MAX_ASSETS and clock() < end:
        page, has_more = fetchable(person, after=after, which=which)
        sources = _sources_of([asset for asset, _ in page])
        for asset, definition in page:
            tried, after = tried + 1, asset.path
            source = sources.get(asset.id, Source())
            for secret in (source.secret, source.next_secret):
                if secret is not None and _has_signed(token, definition["algorithm"], secret, sealer=sealer):
                    return Search(asset.path, asset.name, tried, has_more, _which(source, secret, now))
    return Search(None, None, tried, has_more)


def _sources_of(assets: list[Asset]) -> dict[str, Source]:
    """Return asset → the secrets of its current revision, for those that have any."""
    with_secret = select(Revision).join(Asset, IS_CURRENT).where(Revision.secret_id.is_not(None))
    revisions = db.session.scalars(with_secret.where(Asset.id.in_([asset.id for asset in assets]))).all()
    sources = sources_of(db.session(), revisions)
    return {revision.asset_id: source for revision, source in zip(revisions, sources, strict=True)}


def _which(source: Source, secret: Secret, now: float) -> str:
    if secret is source.secret_at(now):
        return "present"
    return "next" if secret is source.next_secret else "former"


def _has_signed(token: UnverifiedToken, algorithm: str, secret: Secret, *, sealer: Sealer) -> bool:
    try:
        return Verifier(algorithm, open_secret(secret, sealer=sealer)).has_signed(token)
    except (SealError, KeyUnusable):
        return False  # That asset issues nothing either.
