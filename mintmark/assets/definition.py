"""What the fields of an asset may be: the same for the site file and for forms.

`read_definition` takes what somebody entered and returns the definition that a revision
keeps, whole and normal, or raises InvalidFields with every problem at once.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mintmark import payload, tokens
from mintmark.assets.key_field import algorithm_of, check_key, key_reader
from mintmark.assets.launch_field import read_launch
from mintmark.assets.party_fields import (
    check_party,
    is_as_kept,
    is_preset,
    of_preset,
    read_contract_field,
    read_preset_field,
    with_parts,
)
from mintmark.assets.request_fields import read_answer, read_params_field
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import (
    identifier_key,
    read_boolean,
    read_identifier,
    read_list,
    read_object,
    read_text,
    read_whole,
)
from mintmark.keys.rings import Choice
from mintmark.listed_origins import read_origins
from mintmark.paths import read_path

MIN_LIFETIME, MAX_LIFETIME, MAX_BACKDATE = 10, 31_536_000, 60
MAX_ORIGINS, MAX_GROUPS = 50, 100

DEFAULTS: dict[str, Any] = {
    "algorithm": "HS256",
    "signing_key": None,
    "headers": {},
    "lifetime": 600,
    "backdate": 0,
    "claims": {"iat": True, "jti": True, "nbf": False},
    "readers": "everyone",
    "editors": [],
    "origins": [],
    "answer": {"form": "raw", "methods": ["GET"]},
    "params": [],
    "preset": None,
    "ask": None,
    "contract": None,
    "launch": None,
    "live": True,
}


def read_definition(
    entered: Mapping[str, Any],
    *,
    group_ids: Mapping[str, str],
    attributes: Mapping[str, str],
    keys: Mapping[str, Choice],
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the checked definition. `group_ids` is name key → id, `keys` key id → what it names.

    `signing_key` is entered as any key id of a ring, and kept as the ring's id. `kept` is the definition that
    this one follows: its preset and answers may stay, whatever became of the preset. Raises InvalidFields.
    """
    problems: list[tuple[str, str]] = []
    definition: dict[str, Any] = {}
    readers = {
        **_READERS,
        "readers": _groups_reader(group_ids, True),
        "editors": _groups_reader(group_ids, False),
        "signing_key": key_reader(keys),
    }
    if kept is not None and is_as_kept(entered, kept):
        readers["preset"] = _as_it_is
    entered, defaults = with_parts(entered), _defaults(entered, keys)
    for field, read in readers.items():
        if field not in entered and field not in defaults:
            if not is_preset(entered.get("preset")):  # What that fills in is not missing, but waits for its answers.
                problems.append((field, "is missing"))
            continue
        try:
            definition[field] = read(entered.get(field, defaults.get(field)))
        except FieldError as error:
            problems.append((field, str(error)))
    problems += _check_together(definition, keys)
    template = None
    if "template" in definition and "params" in definition:
        params = [param["name"] for param in definition["params"]]
        try:
            template = payload.compile(definition["template"], attributes, params)
        except payload.TemplateError as error:
            problems += [("template", str(problem)) for problem in error.problems]
    problems += check_party(definition, entered.get("ask"), template, kept)
    if problems:
        raise InvalidFields(problems)
    return definition


def read_field(field: str, value: Any) -> Any:
    """Return one field of a definition, checked and normal. Raises FieldError."""
    return _READERS[field](value)


def _as_it_is(value: Any) -> Any:
    return value


def _defaults(entered: Mapping[str, Any], keys: Mapping[str, Choice]) -> dict[str, Any]:
    """Return what a field is that nobody entered: what the preset says, else what is usual."""
    found = {**DEFAULTS, **of_preset(entered)}
    if (algorithm := algorithm_of(entered.get("signing_key"), keys)) is not None:
        found["algorithm"] = algorithm
    return found


def read_asset_path(value: Any) -> str:
    """Return the path that somebody entered for an asset. Raises FieldError."""
    return read_path(read_text(value, "path", longest=2_000, may_be_empty=True))


def _lifetime(value: Any) -> int | None:
    return None if value is None else read_whole(value, "lifetime", MIN_LIFETIME, MAX_LIFETIME)


def _claims(value: Any) -> dict[str, bool]:
    switches = read_object(value, "claims")
    if unknown := set(switches) - {"iat", "jti", "nbf"}:
        raise FieldError(f"“{sorted(unknown)[0][:40]}” is none of iat, jti, nbf", "claims")
    return {
        **DEFAULTS["claims"],
        **{name: read_boolean(switch, "claims") for name, switch in switches.items()},
    }


def _origins(value: Any) -> list[str]:
    return read_origins(value, "origins", most=MAX_ORIGINS)


def _headers(value: Any) -> dict[str, str]:
    return tokens.read_headers(read_object(value, "headers"))


def _groups_reader(group_ids: Mapping[str, str], may_be_everyone: bool) -> Callable[[Any], Any]:
    field = "readers" if may_be_everyone else "editors"

    def read(value: Any) -> Any:
        if may_be_everyone and value == "everyone":
            return "everyone"
        if isinstance(value, str):
            raise FieldError("takes a list of groups" + (", or everyone" if may_be_everyone else ""), field)
        names = [read_identifier(item, field) for item in read_list(value, field, most=MAX_GROUPS)]
        for name in names:
            if identifier_key(name) not in group_ids:
                raise FieldError(f"“{name}” is no group", field)
        return sorted({group_ids[identifier_key(name)] for name in names})

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "path": read_asset_path,
    "name": lambda value: read_text(value, "name"),
    "algorithm": lambda value: tokens.read_algorithm(read_text(value, "algorithm")),
    "headers": _headers,
    "template": lambda value: read_text(value, "template", longest=1_000_000, may_be_empty=True),
    "lifetime": _lifetime,
    "backdate": lambda value: read_whole(value, "backdate", 0, MAX_BACKDATE),
    "claims": _claims,
    "origins": _origins,
    "answer": read_answer,
    "params": read_params_field,
    "preset": read_preset_field,
    "contract": read_contract_field,
    "launch": read_launch,
    "live": lambda value: read_boolean(value, "live"),
}
FIELDS = (*_READERS, "readers", "editors", "signing_key", "ask")


def _check_together(definition: Mapping[str, Any], keys: Mapping[str, Choice]) -> list[tuple[str, str]]:
    problems = []
    lifetime, backdate = definition.get("lifetime"), definition.get("backdate", 0)
    if lifetime is not None and lifetime < backdate + 10:
        words = f"is {lifetime}; with a backdate of {backdate} it takes at least {backdate + 10}"
        problems.append(("lifetime", words))
    if "signing_key" in definition and "algorithm" in definition:
        problems += check_key(definition, keys)
    return problems
