"""What assets leave behind with a key: tokens for an audience, which stay good for a while.

Rule: who takes a key over, or an `aud` with it, waits until those have expired (RFC 8725 §3.9), and so
does the site's key set for tokens without any. What is left stands on the ring, for an asset may be purged.
"""

from dataclasses import dataclass, field

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import aliased

from mintmark.errors import FieldError
from mintmark.keys.life import SKEW_SECONDS
from mintmark.keys.rings import lock_ring
from mintmark.models import Asset, KeyRing, LogRow, Revision, TokenCount, db, log_parts

FOR_EVER = 2**62
NO_AUDIENCE = ""  # No `aud` is empty.


@dataclass(frozen=True, slots=True)
class Use:
    """With which ring an asset signs, for which fixed audience, and for how long its tokens are good."""

    asset_id: str
    ring_id: str | None
    audience: list[str] | None
    lifetime: int | None = field(compare=False)

    @classmethod
    def of(cls, asset: Asset) -> "Use":
        """Take that of an asset as it is."""
        return cls(asset.id, asset.ring_id, asset.audience, asset.lifetime)

    @property
    def texts(self) -> list[str]:
        """Return the texts of `aud` that its tokens may have."""
        return [NO_AUDIENCE] if self.audience is None else self.audience


def leave(use: Use, *, now: float, signs_until: int | None = None) -> None:
    """Write down what an asset leaves behind that gives a use up, or goes on with it until a moment only."""
    if use.ring_id is None or (signs_until is None and not has_issued(use.asset_id)):
        return
    ring = lock_ring(use.ring_id)  # Two that leave at once write both down.
    until = _good_until(use, int(now) if signs_until is None else signs_until)
    left = {each: dict(texts) for each, texts in (ring.left or {}).items()}
    own = left.setdefault(use.asset_id, {})
    own |= {text: max(until, own.get(text, 0)) for text in use.texts}
    kept = {each: {text: end for text, end in texts.items() if end > now} for each, texts in left.items()}
    ring.left = {each: texts for each, texts in kept.items() if texts}
    if use.audience is None:
        ring.apart_until_at = max(until, ring.apart_until_at or 0)
    db.session.flush()


def give_up(before: Use, after: Use, *, by_editor: bool, now: float) -> None:
    """Write down what is left where a save makes another use of a key, or of none. Raises FieldError.

    No editor takes a key out of the site's set, where relying parties look for it.
    """
    if before == after:
        return
    if by_editor and before.ring_id is not None and before.audience is not None and after.audience is None:
        words = "had a fixed “aud”, by which relying parties find its key; an administrator may take that away"
        raise FieldError(words, "template")
    leave(before, now=now)


def left_by_others(ring_id: str, asset_id: str, *, now: float) -> dict[str, int]:
    """Return for which texts of `aud` tokens of other assets are good that gave them up, and until when."""
    found: dict[str, int] = {}
    for other, texts in (db.session.get_one(KeyRing, ring_id).left or {}).items():
        if other != asset_id:
            for text, until in texts.items():
                if until > now:
                    found[text] = max(until, found.get(text, 0))
    return found


def has_issued(asset_id: str) -> bool:
    """Tell whether an asset ever issued a token; its rows may be archived, but not its counts."""
    counted = exists().where(TokenCount.asset == asset_id, TokenCount.outcome == "done")
    if db.session.scalar(select(counted)):
        return True
    issued = LogRow.event == "token.issued"
    return any(
        db.session.scalar(select(exists().where(*log_parts.has("asset", asset_id, parts), issued)))
        for parts in log_parts.in_order(0, log_parts.MAX_ID)
    )


def _good_until(use: Use, signs_until: int) -> int:
    """Return when the last token has expired that an asset signed with a ring, whatever its lifetime was then."""
    later = aliased(Revision)
    statement = (
        select(Revision.lifetime, later.at)
        .outerjoin(later, (later.asset_id == Revision.asset_id) & (later.number == Revision.number + 1))
        .where(Revision.asset_id == use.asset_id)
        .where(or_(Revision.ring_id == use.ring_id, Revision.former_ring_id == use.ring_id))
    )
    ends = [(use.lifetime, signs_until)]
    ends += [(lifetime, signs_until if at is None else at) for lifetime, at in db.session.execute(statement)]
    if any(lifetime is None for lifetime, _ in ends):
        return FOR_EVER
    return max(end + (lifetime or 0) for lifetime, end in ends) + SKEW_SECONDS
