"""Which assets failed lately, why, and for whom: the newest rows of `token.failed`, put together."""

from dataclasses import dataclass, field

from sqlalchemy import select, text

from mintmark.models import LogRow, db
from mintmark.records.naming import Names, detail_of, names_of

MOST = 200  # rows that are put together
MOST_REASONS = 20  # that are shown
MOST_PEOPLE = 5  # of each of them, by name
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
    """The latest reasons, the last first, and how many more there are; `is_cut` where not all rows were looked at."""

    reasons: list[Failure]
    more: int
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
    reasons = list(found.values())[:MOST_REASONS]
    named = {(each.asset_id, person) for each in reasons for person in [None, *each.people[:MOST_PEOPLE]]}
    to_name = [row for row in rows if (row.asset or "", row.person) in named]
    return Failures(reasons, len(found) - len(reasons), names_of(to_name), len(rows) == MOST)
