"""The words of a contract, and what each may be.

A contract is JSON: `algorithms`, `headers` and `claims` (name → rule), `lifetime` (`shortest`, `longest`,
in seconds), `key` (`bytes` of a shared secret, `bits` of an RSA key), `identity` (the claim by which the party
knows people; `sub` where it is not named). A rule is about one value: `required`, `refused`, `type`, `constant`,
`one_of`, `shortest` and `longest` (characters of a text, items of a list), `format`, `without` (characters that a
text may not have), and for what is within: `items`, `members`, `others` (all members that are not named).

Rule: a word that speaks of one type asks for it; the normal form that is read here says so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mintmark.contracts.formats import FORMATS
from mintmark.errors import FieldError
from mintmark.fields import read_boolean, read_choice, read_json, read_list, read_object, read_text, read_whole
from mintmark.tokens import ALGORITHMS

TYPE_WORDS = {
    "text": "text",
    "number": "a number",
    "whole": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
}
TYPES = tuple(TYPE_WORDS)
MAX_CONTRACT_CHARACTERS, MAX_DEPTH, MAX_RULES = 8_192, 6, 100
_MAX_SECONDS, _MAX_LENGTH = 31_536_000, 8_192
_PARTS = ("algorithms", "headers", "claims", "lifetime", "key", "identity")
# word → the types of which it says anything.
_KINDS: dict[str, tuple[str, ...]] = {
    "format": ("text",),
    "without": ("text",),
    "shortest": ("text", "list"),
    "longest": ("text", "list"),
    "items": ("list",),
    "members": ("object",),
    "others": ("object",),
}
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contract:
    """A checked contract, whole: each part is there, empty where it says nothing."""

    algorithms: tuple[str, ...]
    headers: Mapping[str, Rule]
    claims: Mapping[str, Rule]
    lifetime: Mapping[str, int]
    key: Mapping[str, int]
    identity: str
    definition: Mapping[str, Any]


def read_contract(value: Any) -> Contract:
    """Return the contract. Raises FieldError that says where in it what is wrong."""
    found = read_object(value, "contract")
    if unknown := set(found) - set(_PARTS):
        raise _fault(f"“{sorted(unknown)[0][:40]}” is none of {', '.join(_PARTS)}")
    if len(json.dumps(read_json(found, "contract", depth=3 * MAX_DEPTH), ensure_ascii=False)) > MAX_CONTRACT_CHARACTERS:
        raise _fault(f"is longer than {MAX_CONTRACT_CHARACTERS:,} characters")
    reading = _Reading()
    contract = Contract(
        algorithms=tuple(_at("algorithms", lambda: _algorithms(found.get("algorithms", [])))),
        headers=reading.rules(found.get("headers", {}), "headers", MAX_DEPTH),
        claims=reading.rules(found.get("claims", {}), "claims", MAX_DEPTH),
        lifetime=_at("lifetime", lambda: _numbers(found.get("lifetime", {}), ("shortest", "longest"), _MAX_SECONDS)),
        key=_at("key", lambda: _numbers(found.get("key", {}), ("bytes", "bits"), 16_384)),
        identity=_at("identity", lambda: read_text(found.get("identity", "sub"), "contract")),
        definition=found,
    )
    if contract.lifetime.get("shortest", 0) > contract.lifetime.get("longest", _MAX_SECONDS):
        raise _fault("lifetime: shortest is more than longest")
    return contract


def with_answers(value: Any, answers: Mapping[str, Any]) -> Any:
    """Return the JSON of a contract in which `{"ask": name}` became what was answered there."""
    if isinstance(value, dict):
        if set(value) == {"ask"}:
            return answers[value["ask"]]
        return {_named(name, answers): with_answers(each, answers) for name, each in value.items()}
    if isinstance(value, list):
        return [with_answers(each, answers) for each in value]
    return value


def _named(name: str, answers: Mapping[str, Any]) -> str:
    """A claim whose very name was asked for stands as `{ask.name}`."""
    if name.startswith("{ask.") and name.endswith("}"):
        return str(answers[name.removeprefix("{ask.").removesuffix("}")])
    return name


class _Reading:
    """Reads rules, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def rules(self, value: Any, where: str, depth: int) -> dict[str, dict[str, Any]]:
        found = _at(where, lambda: read_object(value, "contract"))
        return {name: self.rule(rule, f"{where}.{name[:60]}", depth) for name, rule in found.items()}

    def rule(self, value: Any, where: str, depth: int) -> dict[str, Any]:
        self._count += 1
        if self._count > MAX_RULES:
            raise _fault(f"has more than {MAX_RULES} rules")
        if not depth:
            raise _fault(f"{where}: is nested too deeply")
        given = _at(where, lambda: read_object(value, "contract"))
        rule: dict[str, Any] = {}
        for word, each in given.items():
            if word in ("members", "others", "items"):
                within = self.rules if word == "members" else self.rule
                rule[word] = within(each, f"{where}.{word}", depth - 1)
            elif word in _WORDS:
                rule[word] = _at(f"{where}: {word}", partial(_WORDS[word], each))
            else:
                raise _fault(f"{where}: “{word[:40]}” is no word of a contract; there are {', '.join(WORDS)}")
        _see_fits(rule, where)
        kinds = kinds_of(rule)
        return {**rule, "type": kinds[0]} if len(kinds) == 1 else rule


def kinds_of(rule: Rule) -> tuple[str, ...]:
    """Return the types of which a value has to be one; none: of any."""
    if "type" in rule:
        return (rule["type"],)
    spoken_of = [kinds for word, kinds in _KINDS.items() if word in rule]
    return tuple(kind for kind in TYPES if spoken_of and all(kind in kinds for kinds in spoken_of))


def _see_fits(rule: Rule, where: str) -> None:
    """Words that contradict each other are a slip of whoever wrote them."""
    if rule.get("refused") and len(rule) > 1:
        raise _fault(f"{where}: refused stands alone")
    kind = rule.get("type")
    for word, kinds in _KINDS.items():
        if word in rule and kind is not None and kind not in kinds:
            raise _fault(f"{where}: {word} goes with the type {' or '.join(kinds)}, not with {kind}")
    spoken_of = [word for word in _KINDS if word in rule]
    if spoken_of and not kinds_of(rule):
        raise _fault(f"{where}: {' and '.join(spoken_of)} do not go together")
    if "constant" in rule and "one_of" in rule:
        raise _fault(f"{where}: constant and one_of do not go together")
    if rule.get("shortest", 0) > rule.get("longest", _MAX_LENGTH):
        raise _fault(f"{where}: shortest is more than longest")


def _one_of(value: Any) -> list[Any]:
    found = read_list(value, "contract", most=100)
    if not found:
        raise FieldError("is empty", "contract")
    return [read_json(each, "contract", depth=2) for each in found]


_WORDS: dict[str, Callable[[Any], Any]] = {
    "required": lambda value: read_boolean(value, "contract"),
    "refused": lambda value: read_boolean(value, "contract"),
    "type": lambda value: read_choice(value, "contract", TYPES),
    "constant": lambda value: read_json(value, "contract", depth=4),
    "one_of": _one_of,
    "shortest": lambda value: read_whole(value, "contract", 0, _MAX_LENGTH),
    "longest": lambda value: read_whole(value, "contract", 0, _MAX_LENGTH),
    "format": lambda value: read_choice(value, "contract", tuple(FORMATS)),
    "without": lambda value: read_text(value, "contract", longest=100),
}
WORDS = (*_WORDS, "items", "members", "others")


def _algorithms(value: Any) -> list[str]:
    return [read_choice(each, "contract", ALGORITHMS) for each in read_list(value, "contract", most=len(ALGORITHMS))]


def _numbers(value: Any, names: tuple[str, ...], most: int) -> dict[str, int]:
    found = read_object(value, "contract")
    if unknown := set(found) - set(names):
        raise FieldError(f"“{sorted(unknown)[0][:40]}” is none of {', '.join(names)}", "contract")
    return {name: read_whole(number, "contract", 1, most) for name, number in found.items()}


def _at(where: str, read: Callable[[], Any]) -> Any:
    """Let a problem say where in the contract it is."""
    try:
        return read()
    except FieldError as error:
        raise _fault(f"{where}: {error}") from None


def _fault(words: str) -> FieldError:
    return FieldError(words, "contract")
