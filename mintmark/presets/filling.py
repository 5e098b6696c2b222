"""Writing answers into a preset: as literals, so that none can be more than the text that it is.

In a template `{{ ask.x }}` as a whole value becomes a JSON literal, and within a text (`"…{{ ask.x | text }}…"`)
its characters as JSON writes them; a `{` before `{`, `%`, `#` or the end is written as `\\u007b`, so that an
answer is no tag, and makes none with what follows it. In headers and addresses `{ask.x}` becomes the text
itself, and `{ask.x | origin}` scheme, host and port of it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mintmark.contracts import Contract, read_contract, with_answers
from mintmark.errors import FieldError
from mintmark.presets.questions import Question, read_answer
from mintmark.presets.reading import Preset

_IN_TEMPLATE = re.compile(r"\{\{ ask\.([a-z_]+)( \| text)? \}\}")
_ENDS = re.compile("[<\u2028\u2029]")  # Of a script on a page, and of a line of it.
_IN_TEXT = re.compile(r"\{ask\.([a-z_]+)( \| origin)?\}")


def fill(preset: Preset, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of an asset, as somebody would enter them; its path is a suggestion."""
    kinds = {question.name: question for question in preset.questions}
    filled = {
        field: _filled(value, answers) if field != "template" else _template(value, kinds, answers)
        for field, value in preset.definition.items()
    }
    return {"name": preset.name, **filled, "preset": preset.slug, "ask": dict(answers) or None}


def kept_answers(preset: Preset, kept: Mapping[str, Any]) -> dict[str, str]:
    """Return answers that were kept as the preset asks for them today. Raises FieldError.

    They may be those of another version of it, which asked for less, for more or for another kind of answer.
    """
    answers = {}
    for question in preset.questions:
        if question.name not in kept and question.default is None:
            raise FieldError(f"asks for {question.name}, which was not answered", "ask")
        try:
            answers[question.name] = read_answer(question, kept.get(question.name))
        except FieldError as error:
            raise FieldError(f"asks for {question.name}, whose answer {error}", "ask") from error
    return answers


def contract_of(preset: Preset, answers: Mapping[str, Any]) -> Contract:
    """Return what every token of an asset of this preset is held to; answers may be kept ones. Raises FieldError."""
    kinds = {question.name: question.kind for question in preset.questions}
    values: dict[str, Any] = {
        name: int(answer) if kinds[name] == "whole" else answer
        for name, answer in kept_answers(preset, answers).items()
    }
    return read_contract(with_answers(preset.contract, values))


def snippet_of(preset: Preset, answers: Mapping[str, str], **places: str) -> str:
    """Return the snippet for the page that fetches; `places` are `url` and `script`, as JSON literals.

    A question that is newer than the answers has its default.
    """
    defaults = {question.name: question.default or "" for question in preset.questions}
    literals = {f"ask.{name}": answer for name, answer in {**defaults, **answers}.items()} | places

    return re.sub(r"\{\{ ([a-z_.]+) \}\}", lambda found: script_literal(literals.get(found[1], "")), preset.snippet)


def script_literal(value: Any) -> str:
    """Return a value as JavaScript may have it within a page."""
    return _ENDS.sub(lambda end: f"\\u{ord(end[0]):04x}", json.dumps(value, ensure_ascii=False))


def _template(template: str, questions: Mapping[str, Question], answers: Mapping[str, str]) -> str:
    def literal(found: re.Match[str]) -> str:
        answer = answers[found[1]]
        if questions[found[1]].kind == "whole" and not found[2]:
            return str(int(answer))
        text = json.dumps(answer, ensure_ascii=False)
        return re.sub(r"\{(?=[{%#]|\Z)", r"\\u007b", text[1:-1] if found[2] else text)

    return _IN_TEMPLATE.sub(literal, template)


def _filled(value: Any, answers: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _IN_TEXT.sub(lambda found: _origin(answers[found[1]]) if found[2] else answers[found[1]], value)
    if isinstance(value, Mapping):
        return {name: _filled(each, answers) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, answers) for each in value]
    return value


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
