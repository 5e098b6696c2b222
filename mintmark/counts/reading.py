"""Reading the counts: how many tokens over a span of time, and which assets are the busiest.

The number of rows that are read depends on the span, never on how many assets or tokens there are.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select, union_all

from mintmark.counts.rolling import DAY, HOUR
from mintmark.models import Asset, LogRow, Site, TokenCount, db
from mintmark.models.counts import WHOLE_SITE

# span → seconds of a bar, and how many bars; the last is the one that is being filled.
SPANS = {"day": (HOUR, 24), "week": (6 * HOUR, 28), "month": (DAY, 30)}
_BUSIEST_OF_A_DAY = 50


@dataclass(slots=True)
class Bar:
    """What was asked for from `at` on, for as long as a bar of its span lasts."""

    at: int
    done: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The bars of a span of time, oldest first, and their sums."""

    seconds: int
    bars: list[Bar] = field(default_factory=list)

    def total(self, outcome: str) -> int:
        """Return the sum of one outcome."""
        return sum(getattr(bar, outcome) for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Busy:
    """An asset and how many tokens it gave."""

    asset_id: str
    path: str
    name: str
    done: int


def span(name: str, *, now: float) -> Span:
    """Return the bars of a span (SPANS) that ends now."""
    return _span(WHOLE_SITE, *SPANS[name], now=now)


def month_of(asset_id: str, *, now: float) -> Span:
    """Return the bars of an asset, which is counted by the day, for a month that ends now."""
    return _span(asset_id, *SPANS["month"], now=now)


def _span(asset_id: str, seconds: int, amount: int, *, now: float) -> Span:
    last = int(now) // seconds * seconds
    bars = {at: Bar(at) for at in range(last - (amount - 1) * seconds, last + 1, seconds)}
    mine = (TokenCount.asset == asset_id, TokenCount.at >= min(bars))
    for row in db.session.execute(select(TokenCount.at, TokenCount.outcome, TokenCount.amount).where(*mine)):
        bar = bars.get(row.at // seconds * seconds)
        if bar is not None and row.outcome in ("done", "refused", "failed"):
            setattr(bar, row.outcome, getattr(bar, row.outcome) + row.amount)
    return Span(seconds, list(bars.values()))


def this_month(*, now: float) -> dict[str, int]:
    """Return how many tokens were asked for since the month began (UTC), by outcome."""
    began = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    mine = (TokenCount.asset == WHOLE_SITE, TokenCount.at >= int(began.timestamp()))
    sums = select(TokenCount.outcome, func.sum(TokenCount.amount)).where(*mine).group_by(TokenCount.outcome)
    found = {outcome: int(amount) for outcome, amount in db.session.execute(sums)}
    return {"done": 0, "refused": 0, "failed": 0, **found}


def busiest(*, now: float, days: int = 7, limit: int = 10) -> list[Busy]:
    """Return the assets that gave the most tokens in the last days, today among them.

    Only those that were among the first fifty of some day are looked at: each day is read from its
    busiest end, so that a hundred thousand assets cost what a hundred do.
    """
    today = int(now) // DAY * DAY
    dates = [today - number * DAY for number in range(days)]
    firsts = [
        select(TokenCount.asset)
        .where(TokenCount.at == at, TokenCount.outcome == "done", TokenCount.asset != WHOLE_SITE)
        .order_by(TokenCount.amount.desc())
        .limit(_BUSIEST_OF_A_DAY)
        .subquery()
        for at in dates
    ]
    candidates = union_all(*(select(first.c.asset) for first in firsts))
    done = func.sum(TokenCount.amount)
    those = (TokenCount.asset.in_(candidates), TokenCount.at >= dates[-1], TokenCount.outcome == "done")
    sums = select(TokenCount.asset, done).where(*those).group_by(TokenCount.asset).order_by(done.desc())
    amounts = {asset_id: int(amount) for asset_id, amount in db.session.execute(sums.limit(_BUSIEST_OF_A_DAY))}
    kept = select(Asset.id, Asset.path, Asset.name).where(Asset.id.in_(amounts), Asset.trashed_at.is_(None))
    found = [Busy(row.id, row.path, row.name, amounts[row.id]) for row in db.session.execute(kept)]
    return sorted(found, key=lambda each: (-each.done, each.path))[:limit]


def counted_up_to() -> float | None:
    """Return the moment of the last row that was counted; None before the first, or where it was archived."""
    at = db.session.scalar(select(LogRow.at).join(Site, Site.counted_log_id == LogRow.id))
    return None if at is None else at / 1000
