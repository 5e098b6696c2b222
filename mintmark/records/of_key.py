"""Where the log has what a signing key signed: in the rows of the assets that its ring served, while it lived.

There is no index over the key ids of all tokens, for each of them would pay for it; this leads there by
those that are. Assets that were purged since count too: their tokens live on. And a secret may have the same
id, staged with one or in the headers of its asset: its tokens are found as well.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, text, union_all

from mintmark.keys import rings
from mintmark.keys.life import SKEW_SECONDS
from mintmark.models import LogRow, Revision, Secret, db

MOST_ASSETS = 500
KEY_EVENTS = ("key.brought", "key.made", "key.rescheduled", "key.revoked", "key.unpublished")


@dataclass(frozen=True, slots=True)
class Signed:
    """Which assets a key may have signed for (None: too many to look at one by one), and when, in milliseconds.

    `namesakes`, at any time, may have said the same id of a secret of theirs; `has_unknown`: so may assets that were
    purged before the key was made, of which there are too many.
    """

    assets: list[str] | None
    since: int
    until: int | None
    namesakes: list[str] | None
    has_unknown: bool


def signed_by(key_id: str) -> Signed | None:
    """Return where to look for what a key signed; None where no signing key has this id. Four statements."""
    key = rings.find_key(key_id)
    if key is None:
        return None
    since = (key.created_at - SKEW_SECONDS) * 1000
    until = None if key.retired_at is None else (key.retired_at + SKEW_SECONDS) * 1000
    served = select(Revision.asset_id).where(Revision.ring_id == key.ring_id).distinct()
    staged = select(Secret.asset_id).where(Secret.kid == key_id).distinct()
    in_headers = Revision.definition["headers"]["kid"].as_string() == key_id
    with_header = select(Revision.asset_id).where(Revision.secret_id.is_not(None), in_headers).distinct()
    purged = select(LogRow.asset).where(LogRow.event == "asset.purged", text("event <> 'token.issued'"))
    purged_since = purged.where(LogRow.at + 0 >= since)
    all_purged, named = _few(purged), _few(staged, with_header, purged_since)
    namesakes = None if named is None else sorted({*named, *(all_purged or ())})
    return Signed(_few(served, purged_since), since, until, namesakes, has_unknown=all_purged is None)


def _few(*statements: Select[Any]) -> list[str] | None:
    """Return the assets of some statements; None where there are too many."""
    parts = [select(one.limit(MOST_ASSETS + 1).subquery()) for one in statements]
    found = set(db.session.scalars(union_all(*parts))) - {None}
    return sorted(found) if len(found) <= MOST_ASSETS else None
