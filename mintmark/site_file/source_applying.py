"""Doing what a plan says about trusted issuers and OpenID providers, by the same acts as forms.

Rule: what an act refuses, although the plan was without problems, is said with its entry and field.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mintmark.errors import FieldError, InvalidFields
from mintmark.issuers import saving as issuers
from mintmark.log import Occasion
from mintmark.openid import saving as providers
from mintmark.sealing import Sealer
from mintmark.site_file.changes import IssuerChange, Plan, ProviderChange
from mintmark.site_file.problems import label_of


def save_sources(plan: Plan, *, sealer: Sealer, by: Occasion) -> None:
    """Make and change issuers and providers; switch off those that are not in the file, which ends sessions."""
    for issuer_id in plan.issuers_off:
        issuers.switch(issuers.get_issuer(issuer_id, is_locked=True), False, by=by)
    for change in plan.issuers:
        with _naming("trusted_issuers", change.values["issuer"] or "null"):
            _save_issuer(change, sealer, by)
    for provider_id in plan.providers_off:
        row = providers.get_provider(provider_id, is_locked=True)
        columns = {name: getattr(row, name) for name in ("name", "issuer", "client_id", "definition")}
        providers.revise(row, {**columns, "live": False}, by=by)
    for one in plan.providers:
        with _naming("openid_providers", one.values["name"]):
            _save_provider(one, sealer, by)


def _save_issuer(change: IssuerChange, sealer: Sealer, by: Occasion) -> None:
    if change.issuer_id is None:
        issuers.create(change.values, secret=change.secret, keys=change.keys or (), sealer=sealer, by=by)
        return
    row = issuers.get_issuer(change.issuer_id, is_locked=True)
    issuers.revise(row, change.values, secret=change.secret, keys=change.keys, sealer=sealer, by=by)


def _save_provider(change: ProviderChange, sealer: Sealer, by: Occasion) -> None:
    if change.provider_id is None:
        providers.create(change.values, secret=change.secret, sealer=sealer, by=by)
        return
    row = providers.get_provider(change.provider_id, is_locked=True)
    providers.revise(row, change.values, by=by)
    if change.sets_secret:
        providers.set_secret(row, change.secret, sealer=sealer, by=by)


@contextmanager
def _naming(section: str, name: str) -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        raise InvalidFields([(f"{label_of(section, name)}: {error.field or 'entry'}", str(error))]) from error
