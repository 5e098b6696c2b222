"""The relying party of an asset as fields of a form, and back: its preset with the answers, a contract, a launch.

What is wrong with a piece of the launch is said at that piece, in the words of the reader of the whole.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mintmark.assets.in_words import label_of
from mintmark.assets.launch_field import read_launch
from mintmark.assets.party_changes import Followed
from mintmark.errors import FieldError
from mintmark.web.admin.entered_text import json_text, pairs_text, read_object, read_pairs
from mintmark.web.forms import Problems, lines_of

# field of the definition → where the form shows it, as in asset_entered.
PLACES = {
    "preset": ("preset",),
    "ask": ("ask",),
    "contract": ("contract",),
    "launch": ("launch_by", "launch_url", "launch_name", "launch_pass", "launch_return_to"),
}
LABELS = {
    "preset": "Preset",
    "ask": "Answers",
    "contract": "Contract",
    "launch_by": "How the token goes there",
    "launch_url": "Address",
    "launch_name": "Name of the token",
    "launch_pass": "What may be passed on",
    "launch_return_to": "Where people may be sent back to",
}
ONE_LINE = frozenset({"launch_url", "launch_name"})
# Good with whatever one other piece: no parameter can have this name.
_GOOD = {"by": "query", "url": "https://www.example.org/", "name": "not.passed"}


def values_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return these fields of a definition as the form shows them; an old revision may lack them."""
    launch, contract = definition.get("launch") or {}, definition.get("contract")
    return {
        "preset": definition.get("preset") or "",
        "ask": pairs_text(definition.get("ask") or {}),
        "contract": "" if contract is None else json_text(contract),
        **{f"launch_{piece}": launch.get(piece, "") for piece in ("by", "url", "name")},
        **{f"launch_{piece}": "\n".join(launch.get(piece, ())) for piece in ("pass", "return_to")},
    }


def readers(values: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return what reads each field of the definition; it raises FieldError or InvalidFields, by fields of the form."""
    return {
        "preset": lambda: values["preset"].strip() or None,
        "ask": lambda: read_pairs(values["ask"], "ask") or None,
        "contract": lambda: read_object(values["contract"], "contract") if values["contract"].strip() else None,
        "launch": lambda: _launch(values),
    }


def said_of(followed: Followed) -> str:
    """Say what was written anew with other answers, and what was left as it was typed, or nothing."""
    sentences = (
        (followed.anew, "Written anew with the answers: {}."),
        (followed.left, "As you typed it, and not written anew with the answers: {}. See that they stand in it."),
    )
    return " ".join(words.format(_labels(fields)) for fields, words in sentences if fields)


def begun_text(preset: str, answers: Mapping[str, str]) -> str:
    """Return as text of a hidden field what the form of a new asset was filled in for."""
    return json.dumps({"preset": preset, "ask": dict(answers)})


def read_begun(text: str) -> dict[str, Any]:
    """Return what the form of a new asset was filled in for; nothing where that is not said, or not readable."""
    try:
        return read_object(text, "begun")
    except FieldError:
        return {}


def _labels(fields: list[str]) -> str:
    return ", ".join(label_of(field).lower() for field in fields)


def _launch(values: Mapping[str, Any]) -> dict[str, Any] | None:
    if not values["launch_by"]:
        return None
    launch: dict[str, Any] = {piece: values[f"launch_{piece}"].strip() for piece in ("by", "url", "name")}
    launch |= {piece: lines_of(values[f"launch_{piece}"]) for piece in ("pass", "return_to")}
    problems = Problems()
    for piece, value in launch.items():
        _see(problems, piece, {**_GOOD, piece: value})
    problems.see()
    _see(problems, "pass", launch)  # What is wrong with them together.
    problems.see()
    return launch


def _see(problems: Problems, piece: str, launch: Mapping[str, Any]) -> None:
    try:
        read_launch(launch)
    except FieldError as error:
        problems.add(f"launch_{piece}", str(error).removeprefix(f"{piece} "))
