"""Which signing keys run out: what a banner, the dashboard, `flask check` and the metrics say of them.

Only rings that serve an asset count. Nothing signs (*none*), nothing will sign when a key is retired
(*ends*), or a key should have a successor by now or soon (*due*): the last is only a reminder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import aliased, defer

from mintmark.keys.life import FOR_EVER, SIGNING, state_of
from mintmark.keys.rings import IN_TURN
from mintmark.models import Asset, KeyRing, SigningKey, db
from mintmark.moment import iso

NONE, ENDS, DUE = "none", "ends", "due"
SOON_SECONDS = 14 * 86_400
_key = aliased(SigningKey)
_NEVER = 2**62  # as a moment in the database


@dataclass(frozen=True, slots=True)
class RunningOut:
    """The last key of a ring that signs without a gap from now on, and at which moment what happens.

    `signing_key_id` is the id of its row. Where nothing signs, it is the one that did so last.
    """

    kind: str
    at: int
    key_id: str
    signing_key_id: str

    @property
    def words(self) -> str:
        """Say it in a line, after the key id."""
        if self.kind == NONE:
            return "no key signs: its assets give no token; make the next one"
        if self.kind == ENDS:
            return f"stops signing at {iso(self.at)} and none follows: its assets give no token then; make the next one"
        return f"should be followed by another key from {iso(self.at)} on; make the next one"


def running_out(*, now: float) -> list[RunningOut]:
    """Return what somebody has to look at, the most urgent first: reminders when they are due soon."""
    return [each for each in ends(now=now) if each.kind != DUE or each.at <= now + SOON_SECONDS]


def ends(*, now: float, within: float = FOR_EVER) -> list[RunningOut]:
    """Return where the keys of each ring end, or are due, within so many seconds; the most urgent first."""
    found = [end_of(keys, now) for keys in _candidates(now, now + within)]
    wanted = [each for each in found if each is not None and each.at <= now + within]
    return sorted(wanted, key=lambda each: (each.at, each.key_id))


def _candidates(now: float, horizon: float) -> list[list[SigningKey]]:
    """Return the keys, in the order in which they sign, of each ring in use that is not certainly well until then."""
    is_used = exists().where(Asset.ring_id == KeyRing.id, Asset.trashed_at.is_(None))
    statement = select(SigningKey).join(KeyRing, KeyRing.id == SigningKey.ring_id).options(defer(SigningKey.sealed))
    found: dict[str, list[SigningKey]] = {}
    for key in db.session.scalars(statement.where(~_is_well(now, horizon), is_used).order_by(*IN_TURN)):
        found.setdefault(key.ring_id, []).append(key)
    return list(found.values())


def _is_well(now: float, horizon: float) -> Any:
    """One key signs from now to then, and nobody is to be reminded of it before."""
    then = _NEVER if horizon == FOR_EVER else int(horizon)
    signs = and_(_key.ring_id == KeyRing.id, _key.signs_from_at <= int(now), _key.revoked_at.is_(None))
    return exists().where(
        signs, or_(_key.retired_at.is_(None), _key.retired_at > then), or_(_key.due_at.is_(None), _key.due_at > then)
    )


def end_of(keys: Sequence[SigningKey], now: float) -> RunningOut | None:
    """Follow the keys of a ring from the one that signs now to the last one, or to a gap."""
    last, at = None, now
    while key := next((key for key in keys if state_of(key, at) == SIGNING), None):
        last = key
        if key.retired_at is None:
            break
        at = key.retired_at
    if last is None:
        signed = [key for key in keys if key.signs_from_at <= now] or keys
        return RunningOut(NONE, int(now), signed[-1].key_id, signed[-1].id)
    if last.retired_at is not None:
        return RunningOut(ENDS, last.retired_at, last.key_id, last.id)
    if last.due_at is not None and state_of(last, now) == SIGNING:
        return RunningOut(DUE, last.due_at, last.key_id, last.id)
    return None
