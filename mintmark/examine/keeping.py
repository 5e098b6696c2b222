"""Keeping what an examination found on the asset itself, for its page, the lists and the dashboard.

Rule: who looks does not hold up who writes. `look` only reads, and takes its time before the
transaction; `keep` stores, in a moment, and only what was found about the revision that the asset
still has. What is kept names places, names and numbers, never anybody's attribute.
"""

from typing import Any

from mintmark.assets.prepare import Prepared
from mintmark.examine.asset import Examination, Examiner
from mintmark.examine.findings import Finding
from mintmark.log import Occasion
from mintmark.models import Asset, db

TIME_LIMIT = 0.2


def look(asset: Prepared, *, now: float, site_url: str, time_limit: float = TIME_LIMIT) -> Examination:
    """Examine a revision of an asset for at most `time_limit` seconds. Changes nothing."""
    return Examiner(now=now, site_url=site_url).examine(asset, time_limit=time_limit)


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
