"""Examining every asset that is not in the trash, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mintmark.assets import listing
from mintmark.assets.prepare import prepare
from mintmark.examine.asset import Examiner
from mintmark.examine.definition import warnings_of
from mintmark.examine.findings import Finding
from mintmark.models import db
from mintmark.readers import readers_in_words
from mintmark.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Examined:
    """One asset, who may fetch it in words, how many that are, and all that was found.

    `is_broken`: nobody was tried, for nobody gets a token.
    """

    path: str
    live: bool
    is_broken: bool
    who: str
    readers: int
    failing: int
    findings: tuple[Finding, ...]


def examine_every_asset(examiner: Examiner, *, sealer: Sealer) -> Iterator[Examined]:
    """Examine every asset by path. Of one that is switched off all findings are warnings.

    Ends the read transaction after each asset, so that long looks hold up nobody; not for use while writing.
    """
    for kept in listing.kept():
        revision = kept.revision
        asset = prepare(revision, kept.source, examiner.attributes, sealer=sealer)
        examination = examiner.examine(asset)
        findings = [*examination.findings, *warnings_of(revision, kept.source, asset.template, now=examiner.now)]
        if not kept.live:
            findings = [replace(finding, is_error=False) for finding in findings]
        who = readers_in_words(revision.definition, examiner.group_names)
        counted = (examination.readers, examination.failing)
        yield Examined(asset.path, kept.live, asset.fault is not None, who, *counted, tuple(findings))
        db.session.rollback()
