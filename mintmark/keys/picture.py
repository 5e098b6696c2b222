"""The lives of keys as a picture: for each a line of stretches, all over the same span of time.

Pure. Places are in thousandths of the width. Between two moments at which something changes there is always a
width that can be seen, though minutes stand beside months: short times are drawn longer than they are, in their
order and all keys alike. What has no end yet goes on to the right edge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

from mintmark.keys.life import Life

WIDTH = 1000
_SEEN = 6  # thousandths, for what is drawn
_GAP = 40  # thousandths, between two changes; less where there are many
_DAY = 86_400


class Drawn(Life, Protocol):
    """What has the moments of a signing key, and when it should be replaced."""

    due_at: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a key does for a while: it is published and waits, it signs, or it is retired and published still."""

    kind: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Picture:
    """The span of time, where now is in it, and the stretches of each key, in the order of the keys.

    `next_change_at` is the next moment at which a key does something else; `is_stretched` where a time is drawn longer
    than it is.
    """

    begin: int
    end: int
    now_x: int
    next_change_at: int | None
    is_stretched: bool
    lines: list[list[Stretch]]


class _Scale:
    """Where each of some moments is drawn."""

    def __init__(self, moments: Iterable[int]) -> None:
        ordered = sorted(set(moments))
        gaps = [later - earlier for earlier, later in pairwise(ordered)]
        share = WIDTH / sum(gaps)
        least = min(_GAP, WIDTH / 2 / len(gaps))
        short = [gap * share < least for gap in gaps]
        self.is_stretched = any(short)
        left = WIDTH - least * sum(short)
        share = left / sum(gap for gap, is_short in zip(gaps, short, strict=True) if not is_short)
        widths = (least if is_short else gap * share for gap, is_short in zip(gaps, short, strict=True))
        self._places = dict(zip(ordered, accumulate(widths, initial=0.0), strict=True))

    def x(self, moment: int) -> int:
        """Return the place of one of the moments."""
        return round(self._places[moment])


def draw(keys: Sequence[Drawn], now: float) -> Picture:
    """Return the picture of some keys."""
    known = [moment for key in keys for moment in (*_moments(key), key.due_at) if moment is not None]
    begin = min(*known, int(now))
    end = max(*known, int(now))
    end += max((end - begin) // 8, _DAY)  # What has no end goes on.
    lines = [_stretches(key, end) for key in keys]
    edges = {edge for line in lines for _, *both in line for edge in both}
    scale = _Scale({begin, int(now), end, *edges})
    return Picture(
        begin=begin,
        end=end,
        now_x=scale.x(int(now)),
        next_change_at=min((edge for edge in edges if now < edge < end), default=None),
        is_stretched=scale.is_stretched,
        lines=[[_stretch(kind, scale.x(a), scale.x(b)) for kind, a, b in line] for line in lines],
    )


def _moments(key: Life) -> tuple[int, int, int | None, int | None]:
    return key.published_at, key.signs_from_at, key.retired_at, key.gone_at


def _stretches(key: Life, end: int) -> list[tuple[str, int, int]]:
    """Return (kind, from, until), cut off where the key is gone; one that was revoked before it signed never did."""
    gone = end if key.gone_at is None else key.gone_at
    if key.revoked_at is not None:
        gone = min(gone, key.revoked_at)
    moments = [gone if moment is None else min(moment, gone) for moment in _moments(key)[:3]]
    found = zip(("published", "signing", "retired"), pairwise([*moments, gone]), strict=True)
    return [(kind, begin, until) for kind, (begin, until) in found if begin < until]


def _stretch(kind: str, x: int, right: int) -> Stretch:
    width = max(right - x, _SEEN)
    return Stretch(kind, min(x, WIDTH - width), width)
