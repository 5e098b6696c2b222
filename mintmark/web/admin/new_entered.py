"""A new asset as it was entered: its definition, and the secret or the signing key that it begins with.

The algorithm decides which of the two; what the form holds of the other is not looked at. A key of the
site brings its own algorithm, so that nobody has to choose twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark import attributes, groups, keypairs
from mintmark.assets import save
from mintmark.assets.key_field import with_key
from mintmark.assets.secrets import SecretValue
from mintmark.errors import FieldError
from mintmark.keys import choosing
from mintmark.keys.rings import Choice
from mintmark.log import Occasion
from mintmark.models import Asset
from mintmark.sealing import Sealer
from mintmark.tokens import KEY_ALGORITHMS
from mintmark.web import freshness
from mintmark.web.admin.asset_entered import read_entered
from mintmark.web.admin.key_chosen import Chosen, read_key_chosen
from mintmark.web.admin.party_entered import read_begun
from mintmark.web.admin.secret_entered import read_secret_entered
from mintmark.web.forms import Problems, typed

KEY_FIELDS = ("signing_key", "key_id")
_NOT_MADE_YET = "-"  # stands for the ring in a definition that is only checked.


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A checked definition with what is to sign: a secret, or else a chosen key."""

    definition: dict[str, Any]
    secret: SecretValue | None
    key: Chosen | None
    followed: str  # What to say of it.

    def save(self, *, sealer: Sealer, by: Occasion) -> Asset:
        """Make the asset, and its key where that is new, in the caller's transaction. Raises FieldError."""
        definition = self.definition
        if self.key is not None:
            key = self.key.take(sealer=sealer, by=by)
            definition = with_key(definition, key)
        return save.create(definition, self.secret, sealer=sealer, by=by)


def new_key_values() -> dict[str, Any]:
    """Return the fields of a signing key as they stand first: one of the asset's own."""
    return dict.fromkeys(KEY_FIELDS, "")


def typed_key_values() -> dict[str, Any]:
    """Return the fields of a signing key as they were typed."""
    return typed(*KEY_FIELDS)


def with_algorithm_of_key(values: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the values with the algorithm of the key of the site that was chosen, where one was."""
    try:
        key_id = values["signing_key"].strip()
        return {**values, "algorithm": choosing.get_signing(key_id, now).algorithm} if key_id else dict(values)
    except FieldError:
        return dict(values)  # What is wrong with it is said when it is read.


def read_new(values: Mapping[str, Any], now: float) -> NewAsset:
    """Return what is to be made; a key pair of its own is generated where nothing was wrong. Raises InvalidFields."""
    problems, definition, followed, secret, key = Problems(), dict[str, Any](), "", None, None
    has_key = bool(values["signing_key"].strip()) or values["algorithm"] in KEY_ALGORITHMS
    with problems.of():
        definition, followed = _read_definition(values, has_key=has_key)
    if has_key:
        key = _read_key(values, problems, now)
    else:
        with problems.of():
            secret = read_secret_entered(values, values["algorithm"])
    problems.see()
    return NewAsset(definition, secret, key, followed)


def _read_definition(values: Mapping[str, Any], *, has_key: bool) -> tuple[dict[str, Any], str]:
    ring, algorithm = _NOT_MADE_YET if has_key else "", values["algorithm"]
    return read_entered(
        {**values, "signing_key": ring},
        group_ids=groups.ids_by_key(),
        attributes=attributes.declared(),
        keys={_NOT_MADE_YET: Choice(_NOT_MADE_YET, algorithm)},
        before=read_begun(values["begun"]),
    )


def _read_key(values: Mapping[str, Any], problems: Problems, now: float) -> Chosen:
    """Whoever makes or shares a key says once more who they are. Raises InvalidFields."""
    freshness.confirm(problems)
    if key_id := values["signing_key"].strip():
        with problems.of():
            choosing.get_signing(key_id, now)
    own = {"key_algorithm": values["algorithm"], "key_bits": str(keypairs.USUAL_RSA_BITS)}
    return read_key_chosen({**values, **own}, problems)
