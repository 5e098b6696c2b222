"""Signing keys as entries of a site file: those that are published, or will be.

Rule: what is gone or was revoked stays at home. The others of a ring follow each other in the file, too.
A retired key that is needed for ever says so (`gone_at: null`), for elsewhere nobody could know it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from mintmark.keys.life import GONE, REVOKED, state_of
from mintmark.models import SigningKey, db
from mintmark.moment import iso
from mintmark.site_file.planning import by_code_point
from mintmark.site_file.variables import Variables

_MOMENTS = ("published_at", "signs_from_at", "retired_at", "gone_at", "due_at")


def signing_keys(variables: Variables, now: float) -> Iterator[dict[str, Any]]:
    """Yield the entries, ordered by when the keys sign."""
    before: dict[str, str] = {}
    for key in db.session.scalars(
        select(SigningKey).order_by(SigningKey.signs_from_at, by_code_point(SigningKey.key_id))
    ):
        if state_of(key, now) in (GONE, REVOKED):
            continue
        moments = {name: getattr(key, name) for name in _MOMENTS}
        yield {
            "key_id": key.key_id,
            "algorithm": key.algorithm,
            "private_key": {"env": variables.of_key(key.key_id)},
            **({"replaces": before[key.ring_id]} if key.ring_id in before else {}),
            **{name: iso(moment) for name, moment in moments.items() if moment is not None},
            **({"gone_at": None} if key.retired_at is not None and key.gone_at is None else {}),
        }
        before[key.ring_id] = key.key_id
