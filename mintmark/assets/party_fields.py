"""The relying party of an asset: the fields `preset`, `ask` and `contract`, and whether the rest goes with them.

A preset brings its contract; without one somebody may write a contract of their own. Where a new version
of Mintmark knows a preset no more, or it asks for something else, nothing is checked: tokens go on, saves that
leave preset and answers as they are go on, and a warning says so.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mintmark import presets
from mintmark.contracts import Contract, certain_breaches, read_contract
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_object, read_text
from mintmark.payload import Template


def is_preset(value: Any) -> bool:
    """Tell whether there is a preset of this slug."""
    return isinstance(value, str) and presets.find_preset(value) is not None


def read_preset_field(value: Any) -> str | None:
    """Return the slug of a preset that there is, or None. Raises FieldError."""
    if value is None:
        return None
    slug = read_text(value, "preset", longest=60)
    if presets.find_preset(slug) is None:
        raise FieldError(f"“{slug}” is no preset; there are {', '.join(sorted(presets.all_presets()))}", "preset")
    return slug


def read_contract_field(value: Any) -> dict[str, Any] | None:
    """Return the JSON of somebody's own contract, checked, or None. Raises FieldError."""
    return None if value is None else dict(read_contract(value).definition)


def of_preset(entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the preset fills in; none where it, or an answer, is not good: that is said elsewhere."""
    slug, given = entered.get("preset"), entered.get("ask")
    preset = presets.find_preset(slug) if isinstance(slug, str) else None
    if preset is None or not isinstance(given, Mapping | None):
        return {}
    try:
        filled = presets.fill(preset, presets.kept_answers(preset, given or {}))
    except FieldError:
        return {}
    return {field: value for field, value in filled.items() if field not in ("path", "preset", "ask")}


def with_parts(entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was entered with `answer` and `claims` whole: what they do not say is as the preset has it."""
    filled, whole = of_preset(entered), dict(entered)
    for field in ("answer", "claims"):
        given, usual = entered.get(field), filled.get(field)
        if isinstance(given, dict) and isinstance(usual, Mapping):
            if given.get("form", usual.get("form")) == usual.get("form"):  # Raw and JSON have no fields in common.
                whole[field] = {**usual, **given}
    return whole


def is_as_kept(entered: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    """Tell whether preset and answers are those that the asset has."""
    if not kept.get("preset") or entered.get("preset") != kept["preset"]:
        return False
    given = entered.get("ask") or {}
    return isinstance(given, dict) and _as_text(given) == (kept.get("ask") or {})


def check_party(
    definition: dict[str, Any], given: Any, template: Template | None, kept: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, str]]:
    """Put the answers into the definition, and yield what is certainly wrong with it for its relying party.

    Preset and answers that are those of `kept` stay, also where the preset is another one by now, or gone.
    """
    definition["ask"], kept, slug = None, kept or {}, definition.get("preset")
    if slug and definition.get("contract") is not None:
        yield "contract", "stands beside a preset, which has its own: take one of the two"
        return
    if not slug and given:
        yield "ask", "takes a preset beside it"
    try:
        if is_as_kept(definition | {"ask": given}, kept):
            definition["ask"] = kept.get("ask")
            contract = contract_of(definition)
        else:
            definition["ask"] = _answers(slug, given, kept)
            contract = _contract_of(definition)
    except InvalidFields as error:
        yield from (("ask", f"{name}: {words}") for name, words in error.problems)
        return
    except FieldError as error:
        yield "ask", str(error)
        return
    if contract is not None:
        yield from certain_breaches(contract, definition, template)


def _answers(slug: str | None, given: Any, kept: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the answers to what the preset asks. Raises FieldError and InvalidFields.

    What it asked for once, and does not any more, is dropped where it is as it was.
    """
    preset = presets.find_preset(slug or "")
    if preset is None:
        return None
    answers = _as_text(read_object(given or {}, "ask"))
    if slug == kept.get("preset"):
        asked, before = {question.name for question in preset.questions}, kept.get("ask") or {}
        answers = {name: text for name, text in answers.items() if name in asked or before.get(name) != text}
    return presets.read_answers(preset.questions, answers) or None


def _as_text(answers: Mapping[str, Any]) -> dict[str, Any]:
    """A file may well say 10 for a number."""
    return {
        name: str(each) if isinstance(each, int) and not isinstance(each, bool) else each
        for name, each in answers.items()
    }


def contract_of(definition: Mapping[str, Any]) -> Contract | None:
    """Return the contract that an asset is held to, or None. Raises FieldError where it cannot be read any more.

    A preset may be another one since the asset was saved; `unheld` says where it holds nothing any more.
    """
    return None if unheld(definition) else _contract_of(definition)


def unheld(definition: Mapping[str, Any]) -> str:
    """Say why the contract of a preset is not looked at, or nothing; the site came to another version meanwhile."""
    slug = definition.get("preset")
    if not slug:
        return ""
    if presets.find_preset(slug) is None:
        return f"its preset “{slug}” is not known to this version of Mintmark"
    try:
        _contract_of(definition)
    except FieldError as error:
        return f"its preset {error}"
    return ""


def _contract_of(definition: Mapping[str, Any]) -> Contract | None:
    if definition.get("contract") is not None:
        return read_contract(definition["contract"])
    preset = presets.find_preset(definition.get("preset") or "")
    return None if preset is None else presets.contract_of(preset, definition.get("ask") or {})
