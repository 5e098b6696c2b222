"""Taking a site file over: one transaction, all or nothing.

Rule: the file is read, compared with the site, and its passwords and new keys are worked out before the
transaction begins, so that nobody waits for that; within it everything is compared once more,
with the site as it is then, and all moments count from then: a new key cannot have been fetched
before. A dry run does all of it and rolls back.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from mintmark.errors import Busy, FieldError
from mintmark.log import Occasion
from mintmark.models import Site, db, writing
from mintmark.sealing import Sealer
from mintmark.site_file.applying import Applying
from mintmark.site_file.changes import Change, Plan
from mintmark.site_file.document import Document
from mintmark.site_file.findings import Findings, Warned
from mintmark.site_file.planning import Memory, Options
from mintmark.site_file.whole_plan import make_plan


@dataclass(frozen=True)
class Imported:
    """What was changed, and what may not be meant; warnings are looked for while they are taken."""

    changes: list[Change]
    warnings: Iterable[Warned]


class _DryRun(Exception):
    """Rolls a finished import back."""


class Import:
    """One import of one file."""

    def __init__(
        self,
        text: str,
        options: Options,
        *,
        sealer: Sealer,
        by: Occasion,
        clock: Callable[[], float],
        site_url: str,
    ) -> None:
        """Read the file; the `clock` tells when it is written. Raises InvalidFields where it cannot be read at all."""
        self._document = Document(text)
        self._options, self._sealer, self._by, self._clock = options, sealer, by, clock
        self._memory, self._site_url = Memory(), site_url
        self._findings = Findings(self._document, sealer=sealer, site_url=site_url)

    def run(self, *, is_dry: bool = False) -> Imported:
        """Take the file over, or only find out what that would do.

        Raises InvalidFields with every problem, or Busy; then nothing was changed.
        """
        plan = self._plan(self._by.now)
        if plan.changes and not is_dry:
            self._memory.passwords.work_out(plan.passwords())
            self._memory.pairs.work_out(plan.new_keys)
        try:
            return self._write(is_dry) if plan.changes else Imported([], self._findings.of(plan, now=self._by.now))
        except (IntegrityError, FieldError) as error:
            # On PostgreSQL others write at the same time: who is second finds the name or revision taken.
            words = "Somebody else changed the same entries at this moment. Nothing was imported; try again."
            raise Busy(words) from error

    def _plan(self, now: float) -> Plan:
        return make_plan(
            self._document,
            self._options,
            now=now,
            sealer=self._sealer,
            memory=self._memory,
            site_url=self._site_url,
        )

    def _write(self, is_dry: bool) -> Imported:
        warnings: Iterable[Warned] = ()
        with suppress(_DryRun), writing():
            # One import at a time: two of them could each take away one of the last two administrators.
            db.session.execute(select(Site.id).with_for_update())
            by = replace(self._by, now=self._clock())
            plan = self._plan(by.now)
            if plan.changes:
                memory = None if is_dry else self._memory
                Applying(plan, memory, sealer=self._sealer, by=by).do()
            if is_dry:
                warnings = list(self._findings.of(plan, now=by.now, time_limit=1.0))
                raise _DryRun
        return Imported(plan.changes, warnings if is_dry else self._findings.of(plan, now=by.now))
