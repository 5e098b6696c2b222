"""Two people edit one asset at once: in which fields of the form what stands now differs from what was typed.

Nothing is lost: the form holds what the second one typed, to be saved deliberately or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.assets.differences import Line, template_lines
from mintmark.web.admin.asset_entered import LABELS


@dataclass(frozen=True, slots=True)
class Differing:
    """One field that differs: lines that stand there now are removed, lines that were typed are added."""

    label: str
    lines: list[Line]


def differing(now: Mapping[str, Any], typed: Mapping[str, Any], group_names: Mapping[str, str]) -> Iterator[Differing]:
    """Yield the fields that differ between two states of a form. `group_names` is id → name."""
    for field, value in typed.items():
        one, other = _text(now[field], group_names), _text(value, group_names)
        if one != other:
            yield Differing(LABELS[field], template_lines(one, other))


def _text(value: Any, group_names: Mapping[str, str]) -> str:
    if isinstance(value, list):
        return "\n".join(sorted(group_names.get(each, each) for each in value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
