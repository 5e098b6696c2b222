"""What an import warns about: each asset of the file, and who would get an error from one that it changes.

Rule: the words are those of `mintmark.examine`, and so are the people's data: none. Trying
everybody is for `flask check`; here time is limited.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import Row, select

from mintmark.assets.prepare import prepare
from mintmark.assets.secrets import open_secret
from mintmark.examine import Examiner, warnings_of
from mintmark.models import IS_CURRENT, Asset, Revision, Secret, db
from mintmark.sealing import Sealer
from mintmark.site_file.changes import Plan
from mintmark.site_file.planning import chunks
from mintmark.site_file.problems import printable

Warned = tuple[str, str]  # path, words
_SECONDS_EACH = 0.2


class Findings:
    """Looks at the assets of one file, as they are after it was taken over."""

    def __init__(self, paths: Sequence[str], *, sealer: Sealer, now: float, site_url: str) -> None:
        self._paths, self._sealer = paths, sealer
        self._now, self._site_url = now, site_url

    def of(self, plan: Plan, *, time_limit: float = 5.0) -> Iterator[Warned]:
        """Yield path and words; trying people ends after `time_limit` seconds in all."""
        examiner = Examiner(now=self._now, site_url=self._site_url)
        changed = {change.definition["path"] for change in plan.assets}
        end = time.monotonic() + time_limit
        for asset_id, path, revision, secret in self._rows():
            prepared = prepare(
                asset_id,
                revision.number,
                revision.definition,
                examiner.attributes,
                partial(open_secret, secret, sealer=self._sealer),
            )
            findings = warnings_of(revision.definition, secret, prepared.template)
            left = end - time.monotonic()
            if path in changed and left > 0:
                findings += examiner.examine(prepared, time_limit=min(left, _SECONDS_EACH)).findings
            yield from ((path, printable(str(finding))) for finding in findings)

    def _rows(self) -> Iterator[Row[str, str, Revision, Secret]]:
        for chunk in chunks(self._paths):
            statement = (
                select(Asset.id, Asset.path, Revision, Secret)
                .join(Revision, IS_CURRENT)
                .join(Secret, Secret.id == Revision.secret_id)
                .where(Asset.path.in_(chunk), Asset.trashed_at.is_(None))
            )
            found = {row.path: row for row in db.session.execute(statement)}
            yield from (found[path] for path in chunk if path in found)
