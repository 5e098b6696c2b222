"""What an asset signs with, moment by moment: its secret and the next one, or the keys of its ring.

Rule: whoever signs asks `Signers.at(now)`. All moments are known when a revision is prepared, so that
no timer is needed and every node changes over at the same moment; the moments of keys change with
the revision of their ring.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from mintmark.assets.secrets import open_secret
from mintmark.errors import CannotIssue
from mintmark.keypairs import from_bytes
from mintmark.keys.life import FOR_EVER
from mintmark.keys.rings import IN_TURN
from mintmark.models import Revision, Secret, SigningKey
from mintmark.sealing import Sealer
from mintmark.tokens import Signer

_NEVER_BEFORE = float("-inf")


@dataclass(frozen=True, slots=True)
class Turn:
    """A signer and when it signs. One that is staged without a moment has its turn never.

    Before `published_at` no verifier has its key.
    """

    from_at: float
    until_at: float
    signer: Signer
    published_at: float = _NEVER_BEFORE


class Signers:
    """The turns of one revision, in the order of their moments."""

    __slots__ = ("turns",)

    def __init__(self, turns: Iterable[Turn]) -> None:
        self.turns = tuple(turns)

    def at(self, now: float) -> Signer:
        """Return who signs now. Raises CannotIssue where nobody does."""
        for turn in self.turns:
            if turn.from_at <= now < turn.until_at:
                return turn.signer
        words = "No key of this asset signs at this moment."
        raise CannotIssue("key_unusable", words, hint="Make its next signing key, or choose another one.")

    def after(self, now: float) -> Signer | None:
        """Return who signs next: the secret that is staged, or the key that follows, where that is published."""
        coming = (turn for turn in self.turns if turn.from_at > now)
        return next((turn.signer for turn in coming if turn.published_at <= now), None)


@dataclass(frozen=True, slots=True)
class Span:
    """A secret or key, and when it signs for a revision: `Turn` before anything is opened."""

    from_at: float
    until_at: float
    row: Secret | SigningKey


@dataclass(frozen=True, slots=True)
class Source:
    """The rows behind the signers of one revision."""

    secret: Secret | None = None
    next_secret: Secret | None = None
    next_from_at: int | None = None
    keys: Sequence[SigningKey] = ()
    former_keys: Sequence[SigningKey] = ()
    former_until_at: int | None = None

    def secret_at(self, now: float) -> Secret | None:
        """Return the secret that signs now; None with a signing key."""
        has_switched = self.next_secret is not None and self.next_from_at is not None and self.next_from_at <= now
        return self.next_secret if has_switched else self.secret

    def spans(self) -> list[Span]:
        """Return who signs when, in that order, without a look at what is sealed."""
        if self.secret is not None:
            return self._of_secrets(self.secret)
        until = _NEVER_BEFORE if self.former_until_at is None else self.former_until_at
        former = _of_keys(self.former_keys, _NEVER_BEFORE, until)
        # Where the former ring has nothing left (its key was revoked), nobody waits for its time to be over.
        return [*former, *_of_keys(self.keys, former[-1].until_at if former else _NEVER_BEFORE, FOR_EVER)]

    def _of_secrets(self, secret: Secret) -> list[Span]:
        if self.next_secret is None:
            return [Span(_NEVER_BEFORE, FOR_EVER, secret)]
        switch = FOR_EVER if self.next_from_at is None else self.next_from_at
        return [Span(_NEVER_BEFORE, switch, secret), Span(switch, FOR_EVER, self.next_secret)]

    def signers(self, definition: Mapping[str, Any], *, sealer: Sealer) -> Signers:
        """Open what is sealed. Raises SealError and KeyUnusable."""
        return Signers(
            Turn(span.from_at, span.until_at, _signer(span.row, definition, sealer), _published_at(span.row))
            for span in self.spans()
        )


def _of_keys(keys: Sequence[SigningKey], begin: float, end: float) -> list[Span]:
    found = []
    for key in keys:
        first = max(key.signs_from_at, begin)
        last = min(FOR_EVER if key.retired_at is None else key.retired_at, end)
        if key.revoked_at is None and key.sealed is not None and first < last:
            found.append(Span(first, last, key))
    return found


def _published_at(row: Secret | SigningKey) -> float:
    return row.published_at if isinstance(row, SigningKey) else _NEVER_BEFORE


def _signer(row: Secret | SigningKey, definition: Mapping[str, Any], sealer: Sealer) -> Signer:
    if isinstance(row, Secret):
        return Signer(definition["algorithm"], open_secret(row, sealer=sealer), definition["headers"], row.kid)
    sealed = row.sealed or b""
    private = from_bytes(sealer.open(sealed, table="signing_key", row=row.id, column="sealed"))
    return Signer(row.algorithm, private, definition["headers"], row.key_id)


def sources_of(session: OrmSession, revisions: Sequence[Revision]) -> list[Source]:
    """Return the rows behind each of some revisions. At most two statements, however many there are."""
    secret_ids = {each for one in revisions for each in (one.secret_id, one.next_secret_id) if each}
    ring_ids = {each for one in revisions for each in (one.ring_id, one.former_ring_id) if each}
    secrets, keys = {}, dict[str, list[SigningKey]]()
    if secret_ids:
        secrets = {row.id: row for row in session.scalars(select(Secret).where(Secret.id.in_(secret_ids)))}
    if ring_ids:
        statement = select(SigningKey).where(SigningKey.ring_id.in_(ring_ids))
        for key in session.scalars(statement.order_by(*IN_TURN)):
            keys.setdefault(key.ring_id, []).append(key)
    return [
        Source(
            secret=secrets.get(one.secret_id or ""),
            next_secret=secrets.get(one.next_secret_id or ""),
            next_from_at=one.next_from_at,
            keys=keys.get(one.ring_id or "", ()),
            former_keys=keys.get(one.former_ring_id or "", ()),
            former_until_at=one.former_until_at,
        )
        for one in revisions
    ]
