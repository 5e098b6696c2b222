"""Presets: what relying parties want, one data file each, so that an asset for one begins filled in.

Rule: pure, but for reading the files of this package, once. Adding a preset is adding a file to `data/`; its
fields are those of `reading.Preset`. What only an administrator knows is asked for (`questions`), checked by
its kind, and written into template, headers and addresses as a literal (`filling`). A question that a later
version adds has a default: assets that were made before it go on with that.

    preset = find_preset("zendesk-sso")
    answers = read_answers(preset.questions, {"subdomain": "acme"})  # raises InvalidFields, by questions’ names
    entered = fill(preset, answers)                                  # fields of an asset, as somebody would enter them
    contract = contract_of(preset, answers)                          # what every token of it is held to
"""

from functools import cache
from pathlib import Path

from .filling import contract_of, fill, kept_answers, script_literal, snippet_of
from .questions import KINDS, Question, read_answers
from .reading import Preset, asked_in, read_preset

__all__ = [
    "DATA",
    "KINDS",
    "Preset",
    "Question",
    "all_presets",
    "asked_in",
    "contract_of",
    "fill",
    "find_preset",
    "kept_answers",
    "read_answers",
    "read_preset",
    "script_literal",
    "snippet_of",
]
DATA = Path(__file__).parent / "data"


@cache
def all_presets() -> dict[str, Preset]:
    """Return every preset by its slug, in the order of their names."""
    found = [read_preset(path.stem, path.read_text(encoding="utf-8")) for path in DATA.glob("*.toml")]
    return {preset.slug: preset for preset in sorted(found, key=lambda preset: preset.name.casefold())}


def find_preset(slug: str) -> Preset | None:
    """Return a preset, or None where this version has none of that name."""
    return all_presets().get(slug)
