"""Signing keys after a restore: those that the log says were taken back, or all of them where nobody knows."""

from collections.abc import Sequence

from sqlalchemy import select

from mintmark import keypairs
from mintmark.keypairs import KeyPair
from mintmark.keys import adding, changing, making
from mintmark.keys.life import GONE, REVOKED, SIGNING, state_of
from mintmark.keys.rings import find_key, keys_of, usable
from mintmark.log import Occasion
from mintmark.models import KeyRing, SigningKey, db
from mintmark.public_keys import bits_of
from mintmark.restoring.log_files import Row
from mintmark.restoring.report import Report
from mintmark.sealing import Sealer


def revoke_again(rows: Sequence[Row], report: Report, *, sealer: Sealer, by: Occasion) -> None:
    """Revoke the keys that were revoked or unpublished since; where one signs, another one does so in its place.

    One that had only retired then may sign in the backup: so both are revoked.
    """
    for row in rows:
        if row.event not in ("key.revoked", "key.unpublished"):
            continue
        key = find_key(str(row.detail.get("key_id") or row.kid or ""))
        if key is not None and state_of(key, by.now) not in (GONE, REVOKED):
            report.taken.append(f"signing key {key.key_id}: {_revoke(key, sealer, by)}")


def replace_all(report: Report, *, sealer: Sealer, by: Occasion) -> None:
    """Revoke every key that is not gone; in each ring that could sign, a new one of its algorithm does so at once."""
    for ring_id in db.session.scalars(select(KeyRing.id).order_by(KeyRing.id)).all():
        keys = [key for key in keys_of(ring_id) if state_of(key, by.now) not in (GONE, REVOKED)]
        could_sign = usable(ring_id, by.now)
        for key in reversed(keys):  # The last first, so that what replaces the present one is followed by none.
            report.replaced.append(f"{key.key_id}: {_revoke(key, sealer, by)}")
        if could_sign and not usable(ring_id, by.now):
            moments = adding.reminded(by.now)
            made = making.follow(ring_id, _pair_like(could_sign[0]), None, sealer=sealer, by=by, moments=moments)
            report.replaced.append(f"{made.key_id} signs in place of {could_sign[0].key_id}")


def _revoke(key: SigningKey, sealer: Sealer, by: Occasion) -> str:
    pair = _pair_like(key) if state_of(key, by.now) == SIGNING else None
    made = changing.revoke(key, pair, None, sealer=sealer, by=by)
    return f"revoked; {made.key_id} signs in its place" if made else "revoked"


def _pair_like(key: SigningKey) -> KeyPair:
    bits = bits_of(key.public)
    return keypairs.generate(key.algorithm, bits=bits if bits in keypairs.RSA_BITS else keypairs.USUAL_RSA_BITS)
