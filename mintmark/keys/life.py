"""The life of a signing key: four moments, and what follows from them and the clock.

Pure. A key is *planned* until it is published, *next* until it signs, *signing* until it is retired,
*retired* until the last token that it signed has expired, then *gone*. Nothing has to happen at any
of these moments: whoever looks computes the state, on every node alike (OpenID Connect Core §10.1.1).
"""

from typing import Protocol

CACHE_SECONDS = 300  # What verifiers are told that they may keep a published key set (its max-age).
SKEW_SECONDS = 60  # By how much clocks may differ, and relying parties forgive.
# No verifier has an older key set than that, whatever its clock says.
WAIT_SECONDS = CACHE_SECONDS + SKEW_SECONDS
FOR_EVER = float("inf")

PLANNED, NEXT, SIGNING, RETIRED, GONE, REVOKED = "planned", "next", "signing", "retired", "gone", "revoked"
STATES = (PLANNED, NEXT, SIGNING, RETIRED, GONE, REVOKED)


class Life(Protocol):
    """What has the moments of a signing key, in whole seconds; None: not known yet."""

    published_at: int
    signs_from_at: int
    retired_at: int | None
    gone_at: int | None
    revoked_at: int | None


def state_of(key: Life, now: float) -> str:
    """Return one of STATES."""
    if key.revoked_at is not None and key.revoked_at <= now:
        return REVOKED
    if _has_come(key.gone_at, now):
        return GONE
    if _has_come(key.retired_at, now):
        return RETIRED
    if key.signs_from_at <= now:
        return SIGNING
    return NEXT if key.published_at <= now else PLANNED


def is_published(key: Life, now: float) -> bool:
    """Tell whether the public half stands in the key sets now."""
    return state_of(key, now) in (NEXT, SIGNING, RETIRED)


def _has_come(moment: int | None, now: float) -> bool:
    return moment is not None and moment <= now


def may_sign_from(published_at: int) -> int:
    """Return the first moment at which every verifier knows a key that was published then."""
    return published_at + WAIT_SECONDS


def needed_until(retired_at: int, longest: int | None) -> int | None:
    """Return when nobody needs a retired key any more: the last of its tokens has expired everywhere.

    `longest` is the longest lifetime of its tokens in seconds; None: some never expire, and the key is needed for ever.
    """
    return None if longest is None else retired_at + longest + SKEW_SECONDS + CACHE_SECONDS
