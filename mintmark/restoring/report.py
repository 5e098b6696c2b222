"""What was done after a restore, in words for whoever did it, and in numbers for the log."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mintmark.moment import iso
from mintmark.restoring.log_files import Since

# Where nobody knows what was taken away since, somebody has to look.
_UNKNOWN = (
    "Nobody knows what else was taken away since the backup. Look, before people come in:",
    "  people: who left or was switched off, and who set another password since, for the old one works again",
    "  groups, roles and administrators: whoever should be none any more",
    "  trusted issuers and OpenID providers: those that were switched off, and secrets and keys that were replaced",
    "  assets: those that were switched off or in the trash, readers and editors, secrets that were replaced",
)
# Which of them were rows the sequence does not say, and whoever keeps the log elsewhere may.
_GAPS = (
    "Look for these rows wherever else the log is kept, for they are in no file (PostgreSQL also uses up an id for what"
    " was rolled back); one that was lost may have taken something away, and where nobody knows, run this again with"
    " --without-log beside --log:"
)


@dataclass(slots=True)
class Report:
    """What was `ended` by number, `taken` away again, what somebody has to `look` at, and keys that were `replaced`."""

    since: Since
    without_log: bool
    ended: dict[str, int] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield it all, a line for each."""
        ended = [f"{amount:,} {name.replace('_', ' ')}" for name, amount in self.ended.items() if amount]
        yield f"Ended: {', '.join(ended) or 'nothing was alive'}."
        yield "Tokens of trusted issuers that were made before this moment sign nobody in."
        yield from _listed("Taken away again, as the log says:", self.taken)
        yield from _listed("Signing keys were replaced, for any may have been revoked since:", self.replaced)
        yield from _listed("Look at these, for the log does not say all of what was changed:", self.look)
        if self.since.rows:
            counts = Counter(row.event for row in self.since.rows)
            told = ", ".join(f"{event} {amount:,}" for event, amount in sorted(counts.items()))
            yield f"Done since the backup, and lost where it was not taken away again: {told}."
        yield from _listed(_GAPS, [str(gap) for gap in self.since.gaps])
        yield f"The log is known up to {self._end()}. What was taken away after that nobody knows: look there."
        if self.without_log:
            yield from _UNKNOWN

    def _end(self) -> str:
        last_id, last_at = self.since.last_id, self.since.last_at
        if last_id is None or last_at is None or last_id < self.since.backup_id:
            return f"row {self.since.backup_id}, with which the backup ends"
        return f"row {last_id} of {iso(last_at / 1000)}"

    def detail(self) -> dict[str, Any]:
        """Return what the log says of it."""
        told = {"taken_away": len(self.taken), "keys_replaced": len(self.replaced), "to_look_at": len(self.look)}
        backup = {"last_row": self.since.backup_id, "known_up_to": self.since.last_id}
        if self.since.gaps:
            backup["gaps"] = len(self.since.gaps)
        return {**backup, "without_log": self.without_log, **self.ended, **told}


def _listed(words: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield words
        yield from (f"  {line}" for line in lines)
