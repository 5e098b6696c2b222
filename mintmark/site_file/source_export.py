"""Trusted issuers and OpenID providers as entries of a site file.

Rule: a secret leaves as the name of a variable. Of the ways to an issuer's keys only the one that it has is named,
so that whoever takes the file over does not keep another one.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from mintmark import attributes, groups, keypairs
from mintmark.errors import SealError
from mintmark.issuers import definition as issuer_definition
from mintmark.issuers.key_sources import PUBLIC_KEYS, SECRET, way_of
from mintmark.issuers.keys import keys_of
from mintmark.issuers.secret import is_weak, open_secret
from mintmark.issuers.warnings import gone_attributes
from mintmark.models import OpenIDProvider, TrustedIssuer, db
from mintmark.openid import definition as provider_definition
from mintmark.sealing import Sealer
from mintmark.site_file.planning import by_code_point
from mintmark.site_file.secret_field import variable_field
from mintmark.site_file.variables import Variables

_ISSUER = (
    "issuer name tenant algorithm secret public_keys jwks_url discover audience typ required_claims identity_claim"
    " one_time leeway max_lifetime create_people update_people username_prefix attribute_map groups_claim groups_map"
    " roles_claim permissions_claim start_url return_to session_lifetime live"
).split()
_WAYS = frozenset({"secret", "public_keys", "jwks_url", "discover"})


def trusted_issuers(variables: Variables, sealer: Sealer) -> Iterator[dict[str, Any]]:
    """Yield the entries, ordered by `issuer`."""
    names, declared = groups.names_by_id(), attributes.declared()
    for row in db.session.scalars(select(TrustedIssuer).order_by(by_code_point(TrustedIssuer.issuer))).all():
        gone = gone_attributes(row.definition["attribute_map"], declared)
        entry = issuer_definition.as_entered(row, names, but=gone)
        way = way_of(row.definition)
        if way == SECRET:
            entry["secret"] = _secret(row, variables.of_issuer(row.name), sealer)
        if way == PUBLIC_KEYS:
            entry["public_keys"] = [
                {"key_id": key.key_id, "live": key.live, "public_key": keypairs.spki_pem(dict(key.public))}
                for key in keys_of(row.id)
            ]
        yield {name: entry[name] for name in _ISSUER if name not in _WAYS or name == way}


def _secret(row: TrustedIssuer, variable: str, sealer: Sealer) -> dict[str, Any]:
    try:
        value: bytes | None = open_secret(row, sealer=sealer)
    except SealError:  # What does not open is replaced by whoever imports.
        value = None
    return {**variable_field(variable, value), **({"weak": True} if is_weak(row) else {})}


def openid_providers(variables: Variables) -> Iterator[dict[str, Any]]:
    """Yield the entries, ordered by name."""
    names, declared = groups.names_by_id(), attributes.declared()
    for row in db.session.scalars(select(OpenIDProvider).order_by(by_code_point(OpenIDProvider.name))).all():
        entry = provider_definition.as_entered(row, names)
        gone = gone_attributes(entry["attribute_map"], declared)
        entry["attribute_map"] = {name: claim for name, claim in entry["attribute_map"].items() if name not in gone}
        secret = None if row.sealed is None else {"env": variables.of_provider(row.name)}
        head = ("name", "issuer", "client_id")
        yield {
            **{name: entry[name] for name in head},
            "client_secret": secret,
            **{name: value for name, value in entry.items() if name not in head},
        }
