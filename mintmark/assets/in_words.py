"""The fields of an asset in words: what each is called on screen, and what its value says.

Rule: characters that turn or hide text are shown by their code, so that nothing reads otherwise than
it is (CVE-2021-42574).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mintmark.assets.contract_words import in_one_line
from mintmark.contracts import read_contract
from mintmark.errors import FieldError
from mintmark.fields import UNSEEN
from mintmark.moment import duration_in_words
from mintmark.presets import find_preset

SECRET, NEXT_SECRET = "secret", "next_secret"  # the names of fields.
# field of a definition → its label; held to the fields that there are by a test.
LABELS = {
    "path": "Path",
    "name": "Name",
    "template": "Template",
    "algorithm": "Algorithm",
    SECRET: "Secret",
    NEXT_SECRET: "Next secret",
    "signing_key": "Signing key",
    "headers": "Headers",
    "lifetime": "Lifetime",
    "backdate": "Backdate",
    "claims": "Claims of the site",
    "readers": "Readers",
    "editors": "Editors",
    "origins": "Origins",
    "answer": "Answer",
    "params": "Parameters",
    "preset": "Preset",
    "ask": "Answers",
    "contract": "Contract",
    "launch": "Launch",
    "live": "State",
}


def label_of(name: str) -> str:
    """Return what a field is called on screen."""
    return LABELS.get(name, name)


def visible(text: str) -> str:
    """Return text with what turns or hides it shown by its code; tabs and line ends stay."""
    return UNSEEN.sub(lambda found: found[0] if found[0] in "\t\n" else f"⟨U+{ord(found[0]):04X}⟩", text)


def in_words(name: str, value: Any, group_names: Mapping[str, str]) -> str:
    """Say in words what the value of a field is."""
    if name in ("readers", "editors"):
        return visible(_groups_in_words(value, group_names))
    if name == "signing_key":
        return visible(group_names.get(value, "a key that is gone")) if value else "none: it has a shared secret"
    say = _WORDS.get(name)
    if say is not None and value is not None:
        return visible(say(value))
    if name == "lifetime":
        return "never expires"
    if value is None and name in _OF_PARTIES:
        return "none"
    return visible(value if isinstance(value, str) else _json(value))


def _groups_in_words(value: Any, names: Mapping[str, str]) -> str:
    if value == "everyone":
        return "anybody who is signed in"
    return ", ".join(sorted(names.get(each, "a group that is gone") for each in value or ())) or (
        "nobody but administrators"
    )


def _answer_in_words(answer: Mapping[str, Any]) -> str:
    methods = " and ".join(answer["methods"])
    if answer["form"] == "raw":
        return f"the token itself, to {methods}"
    beside = f", beside it {_json(answer['beside'])}" if answer["beside"] else ""
    return f"JSON with the token in “{answer['field']}”{beside}, to {methods}"


def _params_in_words(params: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{param['name']}, one of {', '.join(param['one_of'])}" if "one_of" in param else param["name"]
        for param in params
    )


def launch_in_words(launch: Mapping[str, Any]) -> str:
    """Say how the browser is sent on with a token, and what may go along."""
    words = f"{_WAYS[launch['by']].format(name=launch['name'])} {launch['url']}"
    if launch["pass"]:
        words += f"; may pass on {', '.join(launch['pass'])}"
    if launch["return_to"]:
        words += f"; may send people back to {', '.join(launch['return_to'])}"
    return words


def _preset_in_words(slug: str) -> str:
    preset = find_preset(slug)
    return preset.name if preset else f"“{slug}”, which this version does not know"


def _contract_in_words(value: Any) -> str:
    try:
        return in_one_line(read_contract(value))
    except FieldError:  # A revision of another version.
        return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_OF_PARTIES = ("preset", "ask", "contract", "launch")
_WAYS = {
    "query": "as “{name}” in the address",
    "fragment": "as “{name}” behind the # of",
    "post": "as “{name}” in a form to",
}
_WORDS: dict[str, Any] = {
    "lifetime": duration_in_words,
    "backdate": duration_in_words,
    "claims": lambda switches: ", ".join(name for name, is_on in switches.items() if is_on) or "none",
    "origins": lambda origins: ", ".join(origins) or "none",
    "headers": lambda headers: "; ".join(f"{name}: {value}" for name, value in headers.items()) or "none",
    "answer": _answer_in_words,
    "preset": _preset_in_words,
    "ask": lambda answers: "; ".join(f"{name}: {answer}" for name, answer in answers.items()) or "none",
    "contract": _contract_in_words,
    "launch": launch_in_words,
    "params": lambda params: _params_in_words(params) or "none",
    "live": lambda is_live: "live" if is_live else "switched off",
}
