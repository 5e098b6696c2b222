"""Which assets failed lately, why, and for whom: the newest rows of `token.failed`, put together."""

from dataclasses import dataclass, field

from sqlalchemy import select, text

from mintmark.models import LogRow, db
from mintmark.records.naming import Names, detail_of, names_of

MOST = 200  # rows
_DAYS = 7


@dataclass(slots=True)
class Failure:
    """One reason for which an asset failed; `row_id` and `at` are of its newest row, `people` stand once each."""

    asset_id: str
    path: str | None
    reason: str
    row_id: int
    at: float
    amount: int = 0
    people: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failures:
    """All reasons, the latest first; `is_cut` where there were more rows than were looked at."""

    reasons: list[Failure]
    names: Names
    is_cut: bool


def recent_failures(*, now: float) -> Failures:
    """Return what failed in the last seven days, at most MOST rows of it."""
    failed = (LogRow.event == "token.failed", text("event <> 'token.issued'"))
    newest = select(LogRow).where(*failed).order_by(LogRow.id.desc()).limit(MOST)
    rows = [row for row in db.session.scalars(newest) if row.at >= (now - _DAYS * 86400) * 1000]
    found: dict[tuple[str, str], Failure] = {}
    for row in rows:
        detail = detail_of(row)
        reason = str(detail.get("reason") or row.code or "")
        asset_id = row.asset or ""
        failure = found.setdefault(
            (asset_id, reason), Failure(asset_id, detail.get("path"), reason, row.id, row.at / 1000)
        )
        failure.amount += 1
        if row.person and row.person not in failure.people:
            failure.people.append(row.person)
    return Failures(list(found.values()), names_of(rows), len(rows) == MOST)
