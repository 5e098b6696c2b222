"""Trusted issuers and OpenID providers after a restore: those that were removed or switched off since are so again.

The log names which fields were changed, and seldom to what. A change may have shut somebody out: another secret, fewer
people made, a narrower audience. So whoever was changed is switched off until an administrator has looked.
"""

from collections.abc import Sequence

from sqlalchemy import select

from mintmark.issuers import keys as public_keys
from mintmark.issuers import saving
from mintmark.log import Occasion
from mintmark.models import IssuerKey, OpenIDProvider, TrustedIssuer, db
from mintmark.models.base import find_by_id
from mintmark.openid import saving as providers
from mintmark.restoring.log_files import Row
from mintmark.restoring.report import Report

_LETS_NOBODY_IN = frozenset({"name", "tenant", "start_url", "client_secret", "auth_method", "scopes"})
_KEY_EVENTS = ("key_added", "key_switched_on", "key_switched_off", "key_removed")


def take_away_again(rows: Sequence[Row], report: Report, *, by: Occasion) -> None:
    """Take away, or switch off, who signs people in and was changed since."""
    of_issuers: dict[str, list[Row]] = {}
    of_providers: dict[str, list[Row]] = {}
    for row in rows:
        if row.event.startswith("issuer."):
            of_issuers.setdefault(row.issuer or "", []).append(row)
        elif row.event.startswith("provider."):
            of_providers.setdefault(str(row.detail.get("provider")), []).append(row)
    for issuer, own in of_issuers.items():
        found = db.session.scalar(select(TrustedIssuer).where(TrustedIssuer.issuer == issuer))
        if found is not None:
            _change_issuer(found, own, report, by)
    for provider_id, own in of_providers.items():
        provider = find_by_id(OpenIDProvider, provider_id, is_locked=True)
        if provider is not None:
            _change_provider(provider, own, report, by)


def _change_issuer(row: TrustedIssuer, own: Sequence[Row], report: Report, by: Occasion) -> None:
    name = f"trusted issuer {row.name}"
    if any(each.event == "issuer.removed" for each in own):
        saving.remove(row, by=by)
        report.taken.append(f"{name}: removed")
        return
    for each in own:
        _take_key(row, each, report, by)
    was_live, words = row.live, _why_off(own)
    if words:
        saving.switch(row, False, by=by)
        _tell(report, name, was_live, words)


def _change_provider(row: OpenIDProvider, own: Sequence[Row], report: Report, by: Occasion) -> None:
    name = f"OpenID provider {row.name}"
    if any(each.event == "provider.removed" for each in own):
        providers.remove(row, by=by)
        report.taken.append(f"{name}: removed")
        return
    was_live, words = row.live, _why_off(own)
    if words:
        providers.switch(row, False, by=by)
        _tell(report, name, was_live, words)


def _take_key(row: TrustedIssuer, each: Row, report: Report, by: Occasion) -> None:
    """Switch a key off, or take it away, as a row says; another key that has its id by now is none of that."""
    what = next((name for name in _KEY_EVENTS if name in each.detail), None)
    key_id = str(each.detail.get(what or ""))
    key = db.session.get(IssuerKey, (row.id, key_id)) if what in ("key_switched_off", "key_removed") else None
    if key is None or key.thumbprint != each.detail.get("thumbprint"):
        return
    if what == "key_removed":
        public_keys.remove(row, key_id, by=by)
    elif not public_keys.switch(row, key_id, False, by=by):
        return
    report.taken.append(f"trusted issuer {row.name}: key {key_id} {'removed' if what == 'key_removed' else 'off'}")


def _why_off(own: Sequence[Row]) -> str:
    """Return why an issuer or provider is switched off; "" where it is not."""
    if next((each.detail["live"] for each in reversed(own) if "live" in each.detail), None) is False:
        return "switched off"
    told = {"live"}
    fields = set()
    for each in own:
        is_one_key = any(name in each.detail for name in _KEY_EVENTS)
        fields |= set(each.fields) - told - ({"public_keys"} if is_one_key else set())
    fields -= _LETS_NOBODY_IN
    return f"switched off, for since the backup it was changed in {', '.join(sorted(fields))}" if fields else ""


def _tell(report: Report, name: str, was_live: bool, words: str) -> None:
    if words == "switched off":
        if was_live:
            report.taken.append(f"{name}: {words}")
    else:
        report.look.append(f"{name}: {words}; make it so again, then switch it on")
