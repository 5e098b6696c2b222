"""The picture: one bar for each contender, as long as its share of bare Flask, as SVG for light and dark pages."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _LABELS, _ROW, _TOP, _FOOT = 760, 280, 34, 16, 34
_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1d2a2a }
.quiet { fill: #5a6666; font-size: 12px }
.bar { fill: #8a9694 } .own { fill: #2f7d6b }
.spread, .axis { stroke: #1d2a2a; stroke-width: 1 } .axis { stroke-opacity: 0.25 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ece9 } .quiet { fill: #a3b0ac }
  .bar { fill: #71807c } .own { fill: #58b09c }
  .spread, .axis { stroke: #e6ece9 }
}"""


class Bar(NamedTuple):
    """A row of the picture: words, the lowest, median and highest ratio, and whether it is ours."""

    label: str
    low: float
    middle: float
    high: float
    is_own: bool


def draw(bars: Sequence[Bar], title: str) -> str:
    """Return the SVG."""
    height = _TOP + _ROW * len(bars) + _FOOT
    scale = (_WIDTH - _LABELS - 90) / max(1.0, *(bar.high for bar in bars))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}\n</style>",
    ]
    for share in (0.0, 0.5, 1.0):
        x = _LABELS + share * scale
        parts.append(f'<line class="axis" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - _FOOT}"/>')
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{height - 12}" text-anchor="middle">{share:g} ×</text>')
    for number, bar in enumerate(bars):
        parts += _row(bar, _TOP + number * _ROW + _ROW / 2, scale)
    return "\n".join([*parts, "</svg>", ""])


def _row(bar: Bar, y: float, scale: float) -> list[str]:
    low, middle, high = (_LABELS + ratio * scale for ratio in (bar.low, bar.middle, bar.high))
    kind = "bar own" if bar.is_own else "bar"
    return [
        f'<text x="{_LABELS - 10}" y="{y + 5:.1f}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{_LABELS}" y="{y - 10:.1f}" width="{middle - _LABELS:.1f}" height="20" rx="2"/>',
        f'<line class="spread" x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}"/>',
        f'<text x="{high + 8:.1f}" y="{y + 5:.1f}">{bar.middle:.2f}</text>',
    ]
