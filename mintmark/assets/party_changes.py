"""Other answers, or another preset: what the preset wrote into the asset before is written anew.

Rule: what somebody else wrote since is never written over, and never goes on with the old answers in silence.
A preset that is put onto an asset without one writes nothing: `differing` says what it would have written.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mintmark import presets
from mintmark.assets.definition import DEFAULTS, read_field
from mintmark.assets.in_words import label_of
from mintmark.assets.key_field import without_kid
from mintmark.assets.party_fields import of_preset, with_parts
from mintmark.errors import FieldError
from mintmark.fields import is_same

# The algorithm is none of these: it goes with secret or key, and the contract says which are good.
_FIELDS = ("template", "headers", "lifetime", "backdate", "claims", "answer", "params", "launch")
_WITH_ANSWERS = ("template", "headers", "answer", "launch")
_TOLD = ("algorithm", "headers", "answer", "launch")


@dataclass(frozen=True, slots=True)
class Followed:
    """What is to be saved; fields that were written anew, fields that stay as this save has them, and problems."""

    entered: dict[str, Any]
    anew: list[str]
    left: list[str]
    problems: list[tuple[str, str]]


def follow(entered: Mapping[str, Any], before: Mapping[str, Any], given: Collection[str] = ()) -> Followed:
    """Let what was entered follow its answers, where they are others than `before`, a definition or part of one.

    The fields in `given` are said by a file, which is true again when it is read once more: they do not follow.
    """
    found, stale = Followed(with_parts(entered), [], [], []), []
    has_key = entered.get("signing_key") is not None
    was, will = _written(before, has_key), _written(entered, has_key)
    for field in _FIELDS if was and will else ():
        now = _normal(field, found.entered.get(field, was[field]))
        if is_same(was[field], will[field]) or is_same(now, will[field]):
            continue
        is_old = is_same(now, was[field])
        if is_old and field not in given:
            found.entered[field] = will[field]
            found.anew.append(field)
        elif not is_old and not is_same(now, before.get(field, was[field])):
            found.left.append(field)
        elif field in _WITH_ANSWERS:
            stale.append(field)
    found.problems.extend(_problems(stale, entered, before, given))
    return found


def differing(definition: Mapping[str, Any]) -> list[str]:
    """Return which of algorithm, headers, answer and launch are not as the preset of a definition writes them."""
    written = _written(definition, definition.get("signing_key") is not None)
    return [field for field in _TOLD if written and not is_same(definition.get(field), written[field])]


def _written(definition: Mapping[str, Any], has_key: bool) -> dict[str, Any]:
    """Return what its preset writes with its answers; nothing where there is none, or that cannot be said."""
    filled = of_preset(definition)
    if not filled:
        return {}
    whole = {**DEFAULTS, **filled}
    if has_key:  # Its own id is the `kid`.
        whole = without_kid(whole)
    return {field: _normal(field, whole[field]) for field in {*_FIELDS, *_TOLD}}


def _normal(field: str, value: Any) -> Any:
    try:
        return read_field(field, value)
    except FieldError:
        return value  # That is said where the field is read.


def _problems(
    stale: list[str], entered: Mapping[str, Any], before: Mapping[str, Any], given: Collection[str]
) -> Iterator[tuple[str, str]]:
    said = [field for field in stale if field in given]
    for fields, why, how in (
        ([field for field in stale if field not in said], "which somebody changed since", "change it there too"),
        (said, "which the file has as it was", "change it there too, or leave that field out"),
    ):
        if not fields:
            continue
        names = " and ".join(f"the {label_of(field).lower()}" for field in fields)
        if entered["preset"] == before["preset"]:
            yield "ask", f"{_asked(fields, entered, before)} also written into {names}, {why}: {how}"
        else:
            yield "preset", f"writes {names} otherwise, {why}: {how}"


def _asked(fields: list[str], entered: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Name the questions with other answers that are written into these fields."""
    preset = presets.all_presets()[entered["preset"]]
    one, other = (presets.kept_answers(preset, each.get("ask") or {}) for each in (before, entered))
    written = presets.asked_in([preset.definition.get(field) for field in fields])
    labels = [
        f"“{each.label}”" for each in preset.questions if each.name in written and one[each.name] != other[each.name]
    ]
    return " and ".join(labels) + (" are" if len(labels) > 1 else " is")
