"""The signing key of an asset as fields of a form: one of the site's, or a new one of its own, made now.

Making an RSA key takes a while, so that it is done before the transaction that saves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark import keypairs
from mintmark.fields import read_choice
from mintmark.keys import adding, choosing, making
from mintmark.log import Occasion
from mintmark.models import SigningKey
from mintmark.sealing import Sealer
from mintmark.tokens import KEY_ALGORITHMS
from mintmark.web.forms import Problems, typed

LABELS = {
    "signing_key": "Signing key",
    "key_algorithm": "Algorithm of the new key",
    "key_bits": "Size of the new key",
    "key_id": "Key id of the new key",
}
ALGORITHMS = [(name, name) for name in KEY_ALGORITHMS]
_BITS = tuple(map(str, keypairs.RSA_BITS))
SIZES = [(bits, f"{bits} bits") for bits in _BITS]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody chose: the id of a key of the site, or a pair that is not saved yet with the id for it."""

    key_id: str | None
    pair: keypairs.KeyPair | None = None

    def take(self, *, sealer: Sealer, by: Occasion) -> SigningKey:
        """Return the key that signs now of the chosen ring, made here where it is new. Raises FieldError."""
        if self.pair is not None:
            return making.make(self.pair, self.key_id, sealer=sealer, by=by, moments=adding.reminded(by.now))
        return choosing.get_signing(self.key_id or "", by.now)


def new_key_values() -> dict[str, Any]:
    """Return the fields as they stand first: a key of the asset's own."""
    usual = str(keypairs.USUAL_RSA_BITS)
    return {"signing_key": "", "key_algorithm": KEY_ALGORITHMS[0], "key_bits": usual, "key_id": ""}


def typed_key_values() -> dict[str, Any]:
    """Return the fields as they were typed."""
    return typed(*LABELS)


def read_key_chosen(values: Mapping[str, Any], problems: Problems) -> Chosen:
    """Return what was chosen; a new pair is generated where nothing was wrong. Raises InvalidFields."""
    if key_id := values["signing_key"].strip():
        problems.see()
        return Chosen(key_id)
    with problems.of("key_algorithm"):
        algorithm = read_choice(values["key_algorithm"], "key_algorithm", KEY_ALGORITHMS)
    with problems.of("key_bits"):
        bits = int(read_choice(values["key_bits"], "key_bits", _BITS))
    with problems.of("key_id"):
        new_id = adding.read_key_id(values["key_id"]) if values["key_id"] else None
    problems.see()
    return Chosen(new_id, keypairs.generate(algorithm, bits=bits))


def choices(now: float, *, but: str | None = None) -> list[tuple[str, str]] | None:
    """Return what may be chosen, with its words, `but` a ring; None: there are too many to list."""
    keys = choosing.signing_now(now)
    if len(keys) > choosing.MAX_CHOICES:
        return None
    found = [(key.key_id, _in_words(key)) for key in keys if key.ring_id != but]
    return [("", "A key of its own, made now"), *found]


def _in_words(key: SigningKey) -> str:
    return f"{key.key_id} ({key.algorithm}, {keypairs.size_in_words(key.public)})"
