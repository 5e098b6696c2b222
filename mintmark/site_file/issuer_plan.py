"""What an import does with trusted issuers: made, changed, or switched off because they are not in the file.

Rule: found by `issuer`; null is the one whose tokens have no `iss`. What names a way to the keys (a secret, public
keys, an address, discovery) takes the place of the way that was there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mintmark import groups, keypairs
from mintmark.errors import FieldError
from mintmark.issuers import keys as public_keys
from mintmark.issuers import ours, saving
from mintmark.issuers.definition import DEFAULTS, as_entered, read_issuer
from mintmark.issuers.key_sources import PUBLIC_KEYS, SECRET, way_of
from mintmark.issuers.keys import PublicKey
from mintmark.issuers.secret import is_other_secret, see_stays
from mintmark.issuers.warnings import gone_attributes
from mintmark.models import TrustedIssuer
from mintmark.secret_values import SecretValue
from mintmark.site_file.changes import IssuerChange
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry
from mintmark.site_file.source_fields import read_keys
from mintmark.site_file.source_plan import checked, different, without_gone
from mintmark.tokens import SECRET_ALGORITHMS

_KEYS = ("secret", "public_keys")


def plan_issuers(planning: Planning) -> None:
    """Compare every trusted issuer of the file with the site."""
    issuers = _Issuers(planning)
    for entry in planning.document.sections["trusted_issuers"]:
        issuers.compare(entry)
    if planning.options.prune:
        issuers.switch_off_others()


def shown(issuer: str | None) -> str:
    """Return how an issuer is called in output."""
    return issuer or "null"


class _Issuers:
    def __init__(self, planning: Planning) -> None:
        self._planning, self._problems = planning, planning.problems
        self._rows = {row.issuer: row for row in saving.every()}
        self._taken = {row.name: row.issuer for row in self._rows.values()}
        self._group_names = groups.names_by_id()
        self._seen: set[str] = set()

    def compare(self, entry: Entry) -> None:
        """Find out whether an entry is new, or what is different."""
        issuer = entry.values.get("issuer") or ""
        row = self._rows.get(issuer) if entry.key else None
        if entry.key:
            self._seen.add(issuer)
        entered = self._entered(entry, row)
        values = checked(self._planning, entry, entered, read_issuer)
        secret, keys = self._keys(entry, values["definition"] if values else {**DEFAULTS, **entered}, row)
        if values is not None:
            self._see_name(entry, values, issuer)
        if values is not None and not entry.faulty:
            self._plan(entry, values, secret, keys, row)

    def _plan(
        self,
        entry: Entry,
        values: dict[str, Any],
        secret: SecretValue | None,
        keys: list[PublicKey] | None,
        row: TrustedIssuer | None,
    ) -> None:
        name = shown(entry.values["issuer"])
        if row is None:
            self._planning.change("+", "trusted_issuers", name)
        elif changed := self._changed(values, secret, keys, row):
            self._planning.change("~", "trusted_issuers", name, changed)
        else:
            return
        self._planning.plan.issuers.append(IssuerChange(values, secret, keys, row.id if row else None))

    def switch_off_others(self) -> None:
        """Every live issuer that is not in the file."""
        for row in sorted(self._rows.values(), key=lambda each: each.issuer):
            if row.live and row.issuer not in self._seen:
                self._planning.plan.issuers_off.append(row.id)
                self._planning.change("-", "trusted_issuers", shown(row.issuer))

    def _entered(self, entry: Entry, row: TrustedIssuer | None) -> dict[str, Any]:
        given = {name: value for name, value in entry.values.items() if name not in _KEYS}
        if row is None:
            return given
        gone = gone_attributes(row.definition["attribute_map"], self._planning.types)
        return {**as_entered(row, self._group_names, but=gone), **_other_way(entry.values), **given}

    def _see_name(self, entry: Entry, values: Mapping[str, Any], issuer: str) -> None:
        if self._taken.setdefault(values["name"], issuer) != issuer:
            self._problems.add(entry, "name", "is the name of another trusted issuer")

    def _keys(
        self, entry: Entry, definition: Mapping[str, Any], row: TrustedIssuer | None
    ) -> tuple[SecretValue | None, list[PublicKey] | None]:
        """Return the secret and the public keys that the file gives; None: those that are there stay."""
        secret = keys = None
        if entry.faulty & {"algorithm", "jwks_url", "discover"}:
            return None, None
        with self._problems.catching(entry, "secret"):
            secret = self._secret(entry, definition, row)
        with self._problems.catching(entry, "public_keys"):
            keys = self._public_keys(entry, definition, row)
        return secret, keys

    def _secret(self, entry: Entry, definition: Mapping[str, Any], row: TrustedIssuer | None) -> SecretValue | None:
        given, algorithm = entry.values.get("secret"), definition["algorithm"]
        if way_of(definition) != SECRET:
            if given is not None:
                raise FieldError(f"is not for {algorithm}, which takes public keys", "secret")
            return None
        found: SecretValue | None = given.find(self._planning.options.environ, algorithm=algorithm) if given else None
        if found is not None:
            ours.see_is_not_ours(found.value, sealer=self._planning.sealer)
        elif row is not None and row.sealed is not None:
            if row.definition["algorithm"] != algorithm:
                see_stays(row, algorithm, sealer=self._planning.sealer)
        elif given is not None:
            raise FieldError(f"{given.variable} is not set, and this issuer has no secret yet", "secret")
        elif "secret" not in entry.faulty:
            raise FieldError("is missing", "secret")
        return found

    def _public_keys(
        self, entry: Entry, definition: Mapping[str, Any], row: TrustedIssuer | None
    ) -> list[PublicKey] | None:
        given = entry.values.get("public_keys")
        if way_of(definition) != PUBLIC_KEYS:
            if given:
                raise FieldError("stand beside another way to the keys; an issuer takes one of them", "public_keys")
            return None
        if given is None:
            if (row is None or way_of(row.definition) != PUBLIC_KEYS) and "public_keys" not in entry.faulty:
                raise FieldError("are missing; or give jwks_url, or discover: true", "public_keys")
            self._see_keys_stay(definition, row)
            return None
        keys = read_keys(given, definition["algorithm"])
        if ours.ours_among(keypairs.thumbprint(key.members) for key in keys):
            raise FieldError(f"hold a key that {ours.WORDS}", "public_keys")
        return keys

    def _see_keys_stay(self, definition: Mapping[str, Any], row: TrustedIssuer | None) -> None:
        """The keys that stay are for the algorithm that comes."""
        if row is not None and row.definition["algorithm"] != definition["algorithm"]:
            public_keys.see_algorithm(map(public_keys.as_read, public_keys.keys_of(row.id)), definition["algorithm"])

    def _changed(
        self,
        values: dict[str, Any],
        secret: SecretValue | None,
        keys: Sequence[PublicKey] | None,
        row: TrustedIssuer,
    ) -> list[str]:
        before = {"name": row.name, "live": row.live, **without_gone(row.definition, self._planning.types)}
        fields = different(before, {"name": values["name"], "live": values["live"], **values["definition"]})
        if secret is not None and is_other_secret(row, secret, sealer=self._planning.sealer):
            fields.append("secret")
        present = {key.key_id: public_keys.as_read(key) for key in public_keys.keys_of(row.id)}
        if keys is not None and present != {key.key_id: key for key in keys}:
            fields.append("public_keys")
        return fields


def _other_way(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the ways to the keys that go, where the file names another one."""
    is_other = bool(given.get("public_keys")) or given.get("algorithm") in SECRET_ALGORITHMS
    gone: dict[str, Any] = {}
    if is_other or given.get("discover") is True:
        gone["jwks_url"] = None
    if is_other or given.get("jwks_url") is not None:
        gone["discover"] = False
    return gone
