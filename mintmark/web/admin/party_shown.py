"""The relying party of an asset as its page shows it: the preset, what was answered, the contract and the launch.

Of a preset alone the same, with `{ask.name}` where an answer goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.assets.contract_words import Line, contract_lines
from mintmark.assets.in_words import label_of, launch_in_words, visible
from mintmark.assets.party_changes import differing
from mintmark.assets.party_fields import contract_of
from mintmark.contracts import Contract, read_contract, with_answers
from mintmark.errors import FieldError
from mintmark.presets import Preset, find_preset


@dataclass(frozen=True, slots=True)
class Party:
    """What is known of it; `preset` is None where there is none, or none of this name any more."""

    slug: str
    preset: Preset | None
    answers: list[tuple[str, str]]
    lines: list[Line]
    launch: str
    differing: list[str]


def party_of(definition: Mapping[str, Any]) -> Party:
    """Return the relying party of a definition, which may be older than the fields for it."""
    slug, answers = definition.get("preset") or "", definition.get("ask") or {}
    preset, launch = find_preset(slug), definition.get("launch")
    labels = {question.name: question.label for question in preset.questions} if preset else {}
    try:
        contract = contract_of(definition)
    except FieldError:
        contract = None  # Nobody gets a token, and the page says so at its top.
    return Party(
        slug=slug,
        preset=preset,
        answers=[(labels.get(name, name), answer) for name, answer in answers.items()],
        lines=_lines(contract) if contract else [],
        launch=visible(launch_in_words(launch)) if launch else "",
        differing=[label_of(field).lower() for field in differing(definition)],
    )


def offer_of(preset: Preset) -> dict[str, Any]:
    """Return what is in the tokens of a preset, before anything was answered: `lines` of its contract, and `launch`."""
    unanswered = {question.name: f"{{ask.{question.name}}}" for question in preset.questions}
    launch = preset.definition.get("launch")
    return {
        "lines": _lines(read_contract(with_answers(preset.contract, unanswered))),
        "launch": visible(launch_in_words({"pass": [], "return_to": [], **launch})) if launch else "",
    }


def _lines(contract: Contract) -> list[Line]:
    return [line._replace(words=visible(line.words)) for line in contract_lines(contract)]
