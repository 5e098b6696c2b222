"""What an import warns about: new keys that other sites know as others, each asset of the file, and who would
get an error from one that it changes.

Rule: the words are those of `mintmark.examine`, and so are the people's data: none. Trying
everybody is for `flask check`; here time is limited.
"""

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from mintmark.assets.prepare import prepare
from mintmark.assets.signing import Source, sources_of
from mintmark.examine import Examiner, warnings_of
from mintmark.models import IS_CURRENT, Asset, Revision, db
from mintmark.moment import iso
from mintmark.sealing import Sealer
from mintmark.site_file.changes import Plan
from mintmark.site_file.planning import chunks
from mintmark.site_file.problems import label_of, printable

Warned = tuple[str, str]  # path of an asset, or section and key id; words
_SECONDS_EACH = 0.2


class Findings:
    """Looks at the assets of one file, as they are after it was taken over."""

    def __init__(self, paths: Sequence[str], *, sealer: Sealer, site_url: str) -> None:
        self._paths, self._sealer, self._site_url = paths, sealer, site_url

    def of(self, plan: Plan, *, now: float, time_limit: float = 5.0) -> Iterator[Warned]:
        """Yield what and words, at the moment of the plan; trying people ends after `time_limit` seconds in all."""
        yield from _known_elsewhere(plan, now)
        examiner = Examiner(now=now, site_url=self._site_url)
        changed = {change.definition["path"] for change in plan.assets}
        end = time.monotonic() + time_limit
        for path, revision, source in self._rows():
            prepared = prepare(revision, source, examiner.attributes, sealer=self._sealer)
            findings = warnings_of(revision, source, prepared.template, now=now)
            left = end - time.monotonic()
            if path in changed and left > 0:
                findings += examiner.examine(prepared, time_limit=min(left, _SECONDS_EACH)).findings
            yield from ((path, printable(str(finding))) for finding in findings)

    def _rows(self) -> Iterator[tuple[str, Revision, Source]]:
        for chunk in chunks(self._paths):
            statement = (
                select(Asset.path, Revision)
                .join(Revision, IS_CURRENT)
                .where(Asset.path.in_(chunk), Asset.trashed_at.is_(None))
            )
            found = {row.path: row.Revision for row in db.session.execute(statement)}
            sources = dict(zip(found, sources_of(db.session(), list(found.values())), strict=True))
            yield from ((path, found[path], sources[path]) for path in chunk if path in found)


def _known_elsewhere(plan: Plan, now: float) -> Iterator[Warned]:
    """Yield the keys of which a pair is made here, although their moments say that there was one before."""
    for key in plan.new_keys:
        published_at = key.moments.published_at
        if key.pair is None and published_at is not None and published_at < int(now):
            words = (
                f"was published elsewhere, at {iso(published_at)}, and a new pair is made here: two sites then "
                "publish different keys under one id; give it another key_id, or its private_key"
            )
            yield label_of("signing_keys", key.key_id), words
