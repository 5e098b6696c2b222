"""Gaps: ids of the log that stand in none of the files, so that nobody knows what such a row took away.

SQLite gives ids without gaps, also where a transaction fails. A sequence of PostgreSQL does not go back with one that
failed, so that there a gap may be nothing at all, and somebody has to look.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mintmark.moment import iso


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids that stand in no file, both ends included; `before` is the moment of the row behind them, in milliseconds."""

    first: int
    last: int
    before: int

    def __str__(self) -> str:
        """Say which rows these are, and when they were written at the latest."""
        amount = self.last - self.first + 1
        which = f"row {self.first}" if amount == 1 else f"rows {self.first} to {self.last} ({amount:,} ids)"
        return f"{which}, from before {iso(self.before / 1000)}"


class Ids:
    """The ids that were read, as runs: a log of millions of rows is a few of them."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int, int]] = []  # The first id, its moment, and the last id.

    def add(self, row_id: int, at: int) -> None:
        """Take one over, in any order, and twice as well."""
        if self._runs and self._runs[-1][2] + 1 == row_id:
            first, first_at, _ = self._runs[-1]
            self._runs[-1] = (first, first_at, row_id)
        else:
            self._runs.append((row_id, at, row_id))

    def gaps_behind(self, known: int) -> Iterator[Gap]:
        """Yield what is missing between an id and the last that was read."""
        for first, at, last in sorted(self._runs):
            if first > known + 1:
                yield Gap(known + 1, first - 1, at)
            known = max(known, last)
