"""What an import does with OpenID providers: made, changed, or switched off because they are not in the file.

Rule: found by `name`. The issuer of one that is there stays, for whom it knows is known by it.
"""

from collections.abc import Mapping
from typing import Any

from mintmark import groups
from mintmark.errors import FieldError, SealError
from mintmark.issuers.warnings import gone_attributes
from mintmark.models import OpenIDProvider
from mintmark.openid import saving
from mintmark.openid.definition import as_entered, read_provider
from mintmark.site_file.changes import ProviderChange
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry
from mintmark.site_file.source_plan import checked, different, without_gone

_COLUMNS = ("client_id", "live")


def plan_providers(planning: Planning) -> None:
    """Compare every OpenID provider of the file with the site."""
    providers = _Providers(planning)
    for entry in planning.document.sections["openid_providers"]:
        providers.compare(entry)
    if planning.options.prune:
        providers.switch_off_others()


class _Providers:
    def __init__(self, planning: Planning) -> None:
        self._planning, self._problems = planning, planning.problems
        self._rows = {row.name: row for row in saving.every()}
        self._group_names = groups.names_by_id()

    def compare(self, entry: Entry) -> None:
        """Find out whether an entry is new, or what is different."""
        row = self._rows.get(entry.key)
        entered = {name: value for name, value in entry.values.items() if name != "client_secret"}
        if row is not None:
            entered = {**self._present(row), **entered}
        values = checked(self._planning, entry, entered, read_provider)
        secret = None
        with self._problems.catching(entry, "client_secret"):
            secret = self._secret(entry, row)
        if values is None:
            return
        if row is not None and values["issuer"] != row.issuer:
            words = "never changes: people are known by it; make another provider"
            self._problems.add(entry, "issuer", words)
        if not entry.faulty:
            self._plan(entry, values, secret, row)

    def switch_off_others(self) -> None:
        """Every live provider that is not in the file."""
        names = {entry.key for entry in self._planning.entries("openid_providers")}
        for name, row in sorted(self._rows.items()):
            if row.live and name not in names:
                self._planning.plan.providers_off.append(row.id)
                self._planning.change("-", "openid_providers", name)

    def _present(self, row: OpenIDProvider) -> dict[str, Any]:
        entered = as_entered(row, self._group_names)
        gone = gone_attributes(entered["attribute_map"], self._planning.types)
        mapped = {name: claim for name, claim in entered["attribute_map"].items() if name not in gone}
        return {**entered, "attribute_map": mapped}

    def _secret(self, entry: Entry, row: OpenIDProvider | None) -> str | None:
        """Return the secret that the file gives; None: what is there stays, or the client is public."""
        given = entry.values.get("client_secret")
        if given is None:
            return None
        found: str | None = given.find(self._planning.options.environ)
        if found is None and (row is None or row.sealed is None):
            words = f"{given.variable} is not set, and this provider has no client secret yet"
            raise FieldError(words, "client_secret")
        return found

    def _plan(self, entry: Entry, values: dict[str, Any], secret: str | None, row: OpenIDProvider | None) -> None:
        becomes_public = "client_secret" in entry.values and entry.values["client_secret"] is None
        if row is None:
            self._planning.change("+", "openid_providers", entry.key)
            return self._planning.plan.providers.append(ProviderChange(values, secret, False, None))
        fields = different(self._before(row), {**{name: values[name] for name in _COLUMNS}, **values["definition"]})
        sets_secret = row.sealed is not None if becomes_public else self._is_other(row, secret)
        if fields or sets_secret:
            told = [*fields, "client_secret"] if sets_secret else fields
            self._planning.change("~", "openid_providers", entry.key, told)
            self._planning.plan.providers.append(ProviderChange(values, secret, sets_secret, row.id))

    def _before(self, row: OpenIDProvider) -> Mapping[str, Any]:
        columns = {name: getattr(row, name) for name in _COLUMNS}
        return {**columns, **without_gone(row.definition, self._planning.types)}

    def _is_other(self, row: OpenIDProvider, secret: str | None) -> bool:
        if secret is None:
            return False
        try:
            return saving.open_secret(row, sealer=self._planning.sealer) != secret
        except SealError:
            return True  # What does not open is replaced.
