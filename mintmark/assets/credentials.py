"""Which secrets or ring a revision signs with, and from when: the columns beside its definition.

The steps from one to the next are here, pure; the acts are in save.py and overlap.py.
"""

from dataclasses import dataclass, replace

from mintmark.keys.life import WAIT_SECONDS
from mintmark.models import Revision


@dataclass(frozen=True, slots=True)
class Credentials:
    """The columns of a revision, by their names there."""

    secret_id: str | None = None
    next_secret_id: str | None = None
    next_from_at: int | None = None
    ring_id: str | None = None
    former_ring_id: str | None = None
    former_until_at: int | None = None

    @classmethod
    def of(cls, revision: Revision) -> "Credentials":
        """Take those of a revision."""
        return cls(**{name: getattr(revision, name) for name in cls.__slots__})

    def columns(self) -> dict[str, str | int | None]:
        """Return them as columns."""
        return {name: getattr(self, name) for name in self.__slots__}

    def has_switched(self, now: float) -> bool:
        """Tell whether the next secret signs already."""
        return self.next_secret_id is not None and self.next_from_at is not None and self.next_from_at <= now

    def present_secret_id(self, now: float) -> str | None:
        """Return the secret that signs now; None with a signing key."""
        return self.next_secret_id if self.has_switched(now) else self.secret_id

    def following(self) -> tuple[str | None, int | None]:
        """Return the secret that is to sign next, or signs already, and from when."""
        return self.next_secret_id, self.next_from_at

    def final_secret_id(self) -> str | None:
        """Return the secret that signs in the end, as far as that is known."""
        return self.secret_id if self.next_from_at is None else self.next_secret_id or self.secret_id

    def ring_ids(self, now: float) -> list[str]:
        """Return the rings whose keys sign now or later."""
        is_former = self.former_until_at is not None and self.former_until_at > now
        return [each for each in (self.former_ring_id if is_former else None, self.ring_id) if each is not None]

    def with_secret(self, secret_id: str, now: float) -> "Credentials":
        """Let another secret sign at once in place of the present one, or of the keys; what is staged stays staged."""
        if self.ring_id is not None or self.has_switched(now):
            return Credentials(secret_id=secret_id)
        return replace(self, secret_id=secret_id)

    def with_next(self, secret_id: str | None, now: float) -> "Credentials":
        """Stage a secret beside the present one, or none."""
        return Credentials(secret_id=self.present_secret_id(now), next_secret_id=secret_id)

    def from_moment(self, at: int | None) -> "Credentials":
        """Let the next secret sign from a moment on; None: it is staged and waits."""
        return replace(self, next_from_at=at)

    def with_ring(self, ring_id: str, now: float, *, has_signed: bool) -> "Credentials":
        """Let the keys of a ring sign: at once, or where others did before, as soon as every verifier knows them."""
        before = next(iter(self.ring_ids(now)), None)
        if before is None or before == ring_id or not has_signed:
            return Credentials(ring_id=ring_id)
        return Credentials(ring_id=ring_id, former_ring_id=before, former_until_at=int(now) + WAIT_SECONDS)
