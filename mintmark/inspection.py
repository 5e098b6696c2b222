"""Inspecting a token that somebody pasted: which asset signed it, among those that a person may fetch.

Nothing of the token is written anywhere. The algorithm is each asset's own (RFC 8725 §3.1), and
the search is bounded in assets and in time; it says how far it came.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from mintmark.assets.listing import fetchable
from mintmark.assets.secrets import open_sealed
from mintmark.errors import KeyUnusable, SealError
from mintmark.models import IS_CURRENT, Asset, Person, Revision, Secret, db
from mintmark.sealing import Sealer
from mintmark.tokens import ALGORITHMS, Signer
from mintmark.unverified import UnverifiedToken

MAX_ASSETS = 1_000
MAX_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Search:
    """What came of it: the asset that signed, if any, how many were tried, and whether there were more."""

    path: str | None
    name: str | None
    tried: int
    has_more: bool


def find_obstacle(token: UnverifiedToken) -> str | None:
    """Return in words why no asset can have signed a token, whatever the secrets, or None."""
    algorithm = token.unverified_algorithm
    if algorithm.lower() == "none":
        return "Nobody signed it: its header says `none`, so anybody may have written it."
    if algorithm not in ALGORITHMS:
        return f"No asset signs with the algorithm that its header says; assets sign with {', '.join(ALGORITHMS)}."
    if "crit" in token.unverified_header:
        return "Its header demands extensions (`crit`) that this site does not use."
    return None


def find_signer(
    token: UnverifiedToken, person: Person, *, sealer: Sealer, clock: Callable[[], float] = time.monotonic
) -> Search:
    """Try the present secrets of the live assets that a person may fetch, by path."""
    end, tried, after, has_more = clock() + MAX_SECONDS, 0, "", True
    while has_more and tried < MAX_ASSETS and clock() < end:
        page, has_more = fetchable(person, after=after)
        secrets = _secrets_of([asset for asset, _ in page])
        for asset, definition in page:
            tried, after = tried + 1, asset.path
            if _has_signed(token, definition["algorithm"], *secrets[asset.id], sealer=sealer):
                return Search(asset.path, asset.name, tried, has_more)
    return Search(None, None, tried, has_more)


def _secrets_of(assets: list[Asset]) -> dict[str, tuple[str, bytes]]:
    """Return asset → id of its present secret, and the secret as it is sealed."""
    statement: Any = (
        select(Asset.id, Secret.id, Secret.sealed)
        .join(Revision, IS_CURRENT)
        .join(Secret, Secret.id == Revision.secret_id)
        .where(Asset.id.in_([asset.id for asset in assets]))
    )
    return {asset_id: (secret_id, sealed) for asset_id, secret_id, sealed in db.session.execute(statement)}


def _has_signed(token: UnverifiedToken, algorithm: str, secret_id: str, sealed: bytes, *, sealer: Sealer) -> bool:
    try:
        return Signer(algorithm, open_sealed(secret_id, sealed, sealer=sealer), {}).has_signed(token)
    except (SealError, KeyUnusable):
        return False  # That asset issues nothing either.
