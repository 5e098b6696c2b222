"""A signing key as fields of a form: made here, or brought by somebody who has one.

Rule: what was pasted, and its passphrase, are never shown again, not even where the form is refused.
A key is made only when nothing else is wrong, and before the transaction, for RSA takes its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark import keypairs
from mintmark.errors import FieldError
from mintmark.fields import read_choice, read_whole
from mintmark.keys.adding import read_key_id
from mintmark.keys.rings import find_key
from mintmark.models import SigningKey
from mintmark.tokens import KEY_ALGORITHMS
from mintmark.web.admin.entered_text import read_number
from mintmark.web.forms import Problems, typed

HOW = ("made", "brought")
LABELS = {
    "how": "The key pair",
    "algorithm": "Algorithm",
    "bits": "Size of an RSA key",
    "private_key": "Private key",
    "passphrase": "Passphrase",
    "key_id": "Key id",
    "due_days": "Remind after days",
}
DAY = 86_400
_NEVER_SHOWN = ("private_key", "passphrase")
_MAX_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class Entered:
    """A key that is ready to be kept; `due_days` after it begins to sign somebody is reminded."""

    pair: keypairs.KeyPair
    key_id: str | None
    is_brought: bool
    due_days: int | None


def new_key_values(algorithm: str, bits: int = keypairs.USUAL_RSA_BITS) -> dict[str, Any]:
    """Return the fields as they stand at first."""
    return dict.fromkeys(LABELS, "") | {"how": "made", "algorithm": algorithm, "bits": str(bits), "due_days": "365"}


def size_of(key: SigningKey) -> int:
    """Return the size that a key after this one has at first: the same, where one may choose it."""
    public = keypairs.public_key_of(key.public)
    bits = public.key_size if keypairs.is_rsa(key.algorithm) else 0  # type: ignore[union-attr]
    return bits if bits in keypairs.RSA_BITS else keypairs.USUAL_RSA_BITS


def typed_key_values(*more: str) -> dict[str, Any]:
    """Return the fields as they were typed, and more of the same form."""
    return typed(*LABELS, *more)


def to_show(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown again."""
    return {**values, **dict.fromkeys(_NEVER_SHOWN, "")}


def read_key_entered(values: Mapping[str, Any], problems: Problems, algorithm: str = "") -> Entered:
    """Return the key, made now or read; `algorithm` is that of the key that it follows. Raises InvalidFields."""
    how = bits = key_id = due_days = pair = None
    with problems.of():
        how = read_choice(values["how"], "how", HOW)
        if how == "made" and any(values[name] for name in _NEVER_SHOWN):
            raise FieldError("is to be made here, and one was pasted: choose one of the two", "how")
    with problems.of():
        algorithm = algorithm or read_choice(values["algorithm"], "algorithm", KEY_ALGORITHMS)
    with problems.of():
        if how == "made" and keypairs.is_rsa(algorithm):
            bits = int(read_choice(values["bits"], "bits", tuple(map(str, keypairs.RSA_BITS))))
    with problems.of():
        key_id = read_new_key_id(values["key_id"])
    with problems.of():
        due_days = read_days(values["due_days"], "due_days")
    if how == "brought" and algorithm:
        with problems.of():
            pair = _read_pair(values, algorithm)
    problems.see()
    if pair is None:
        pair = keypairs.generate(algorithm, bits=bits or keypairs.USUAL_RSA_BITS)
    return Entered(pair, key_id, how == "brought", due_days)


def _read_pair(values: Mapping[str, Any], algorithm: str) -> keypairs.KeyPair:
    if not values["private_key"].strip():
        raise FieldError("is empty; paste it once more, for it is never shown again", "private_key")
    return keypairs.read_private_key(values["private_key"], algorithm, passphrase=values["passphrase"])


def read_new_key_id(text: str) -> str | None:
    """Return a key id that nobody has used; None where none was typed. Raises FieldError."""
    if not text.strip():
        return None
    key_id = read_key_id(text.strip())
    if find_key(key_id) is not None:
        raise FieldError("is, or was, the id of another key; ids are never used again", "key_id")
    return key_id


def read_days(text: str, field: str) -> int | None:
    """Return a number of days; None where none was typed. Raises FieldError."""
    return read_whole(read_number(text), field, 1, _MAX_DAYS) if text.strip() else None
