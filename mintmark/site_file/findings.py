"""What an import warns about: new keys that other sites know as others, each issuer, provider and asset of the file,
and who would get an error from an asset that it changes.

Rule: the words are those of `mintmark.examine`, and so are the people's data: none. Trying
everybody is for `flask check`; here time is limited.
"""

import time
from collections.abc import Iterator

from sqlalchemy import select

from mintmark import attributes
from mintmark.assets.prepare import prepare
from mintmark.assets.signing import Source, sources_of
from mintmark.examine import Examiner, warnings_of
from mintmark.issuers.keys import keys_of
from mintmark.issuers.warnings import warnings_of as issuer_warnings
from mintmark.models import IS_CURRENT, Asset, OpenIDProvider, Revision, TrustedIssuer, db
from mintmark.moment import iso
from mintmark.openid.warnings import warnings_of as provider_warnings
from mintmark.sealing import Sealer
from mintmark.site_file.changes import Plan
from mintmark.site_file.document import Document
from mintmark.site_file.planning import chunks
from mintmark.site_file.problems import label_of, printable

Warned = tuple[str, str]  # path of an asset, or section and key id; words
_SECONDS_EACH = 0.2


class Findings:
    """Looks at the assets of one file, as they are after it was taken over."""

    def __init__(self, document: Document, *, sealer: Sealer, site_url: str) -> None:
        self._paths = [entry.key for entry in document.sections["assets"]]
        self._issuers = [entry.values.get("issuer") or "" for entry in document.sections["trusted_issuers"]]
        self._providers = [entry.key for entry in document.sections["openid_providers"]]
        self._sealer, self._site_url = sealer, site_url

    def of(self, plan: Plan, *, now: float, time_limit: float = 5.0) -> Iterator[Warned]:
        """Yield what and words, at the moment of the plan; trying people ends after `time_limit` seconds in all."""
        yield from _known_elsewhere(plan, now)
        yield from self._of_issuers()
        yield from self._of_providers()
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

    def _of_issuers(self) -> Iterator[Warned]:
        declared = attributes.declared() if self._issuers else {}
        rows = select(TrustedIssuer).where(TrustedIssuer.issuer.in_(self._issuers)).order_by(TrustedIssuer.issuer)
        for row in db.session.scalars(rows).all() if self._issuers else ():
            for words in issuer_warnings(row, keys_of(row.id), declared):
                yield label_of("trusted_issuers", row.issuer or f"null ({row.name})"), printable(words)

    def _of_providers(self) -> Iterator[Warned]:
        declared = attributes.declared() if self._providers else {}
        rows = select(OpenIDProvider).where(OpenIDProvider.name.in_(self._providers)).order_by(OpenIDProvider.name)
        for row in db.session.scalars(rows).all() if self._providers else ():
            for words in provider_warnings(row, declared):
                yield label_of("openid_providers", row.name), printable(words)

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
