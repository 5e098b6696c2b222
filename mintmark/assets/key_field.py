"""The field `signing_key` of an asset: which key it names, and what goes with that."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import select

from mintmark import tokens
from mintmark.errors import FieldError
from mintmark.fields import may_repeat, read_text
from mintmark.keys.rings import Choice
from mintmark.models import SigningKey, db


def check_key(definition: Mapping[str, Any], keys: Mapping[str, Choice]) -> Iterator[tuple[str, str]]:
    """An algorithm takes a secret or a key of its own type (RFC 8725 §3.1), whose id is the `kid`."""
    ring_id, algorithm = definition["signing_key"], definition["algorithm"]
    if ring_id is None:
        if algorithm in tokens.KEY_ALGORITHMS:
            yield "signing_key", f"is missing: {algorithm} takes a signing key"
        return
    of_key = next(choice.algorithm for choice in keys.values() if choice.ring_id == ring_id)
    if algorithm != of_key:
        yield "algorithm", f"is {algorithm}; the signing key is for {of_key}"
    if "kid" in definition.get("headers", {}):
        yield "headers", "“kid” is the key id of the signing key; take it out of the headers"


def with_key(definition: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the definition as it names the ring of a key, whose id takes the place of a `kid` of its own."""
    return {**without_kid(definition), "signing_key": key.ring_id, "algorithm": key.algorithm}


def without_kid(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition with no `kid` among its headers."""
    headers = {name: value for name, value in definition["headers"].items() if name != "kid"}
    return {**definition, "headers": headers}


def algorithm_of(key_id: Any, keys: Mapping[str, Choice]) -> str | None:
    """Return the algorithm of an asset that names none: that of its signing key, where it has one."""
    choice = keys.get(key_id) if isinstance(key_id, str) else None
    return choice.algorithm if choice else None


def key_reader(keys: Mapping[str, Choice]) -> Callable[[Any], str | None]:
    """Return what reads the id of a key and returns its ring."""

    def read(value: Any) -> str | None:
        if value is None:
            return None
        key_id = read_text(value, "signing_key", longest=128)
        if key_id not in keys:
            said = f"“{key_id}” " if may_repeat(key_id) else ""
            raise FieldError(f"{said}is no signing key of this site, or none of its keys is left", "signing_key")
        return keys[key_id].ring_id

    return read


def can_sign(ring_id: str) -> bool:
    """Tell whether a ring has a key left to sign with, now or later."""
    statement = select(SigningKey.id).where(SigningKey.ring_id == ring_id, SigningKey.revoked_at.is_(None))
    return db.session.scalar(statement.where(SigningKey.sealed.is_not(None)).limit(1)) is not None
