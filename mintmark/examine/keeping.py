"""Keeping what an examination found on the asset itself, for its page, the lists and the dashboard.

Rule: who looks does not hold up who writes. `look` only reads, and takes its time before the
transaction; `keep` stores, in a moment, and only what was found about the revision that the asset
still has. What is kept names places, names and numbers, never anybody's attribute.
"""

from functools import partial
from typing import Any

from mintmark import attributes
from mintmark.assets.prepare import Prepared, prepare
from mintmark.assets.save import current_revision
from mintmark.assets.secrets import open_secret
from mintmark.examine.asset import Examination, Examiner
from mintmark.examine.findings import Finding
from mintmark.log import Occasion
from mintmark.models import Asset, Secret, db
from mintmark.sealing import Sealer

TIME_LIMIT = 0.2


def prepare_kept(asset: Asset, *, sealer: Sealer) -> Prepared:
    """Prepare the current revision of an asset, live or switched off."""
    revision = current_revision(asset)
    open_key = partial(open_secret, db.session.get_one(Secret, revision.secret_id), sealer=sealer)
    return prepare(asset.id, revision.number, revision.definition, attributes.declared(), open_key)


def look(asset: Asset, *, sealer: Sealer, now: float, site_url: str, time_limit: float = TIME_LIMIT) -> Examination:
    """Examine the current revision of an asset for at most `time_limit` seconds. Changes nothing."""
    prepared = prepare_kept(asset, sealer=sealer)
    return Examiner(now=now, site_url=site_url).examine(prepared, time_limit=time_limit)


def keep(asset: Asset, revision: int, examination: Examination, *, by: Occasion) -> None:
    """Store what was found about a revision; nothing where the asset has moved on."""
    if asset.revision != revision:
        return
    findings = [*examination.findings, *_about_time(examination)]
    asset.examined_at = int(by.now)
    asset.failing = examination.failing or int(any(finding.is_error for finding in findings))
    asset.findings = [_kept(finding) for finding in findings]
    db.session.flush()


def _about_time(examination: Examination) -> list[Finding]:
    if not examination.is_cut_short:
        return []
    words = f"only the first {examination.readers:,} readers were tried; `flask check` tries them all"
    return [Finding("cut_short", words)]


def _kept(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "words": finding.words, "is_error": finding.is_error}
