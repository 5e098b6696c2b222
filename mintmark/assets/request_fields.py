"""How an asset answers, and what a request may give: the fields `answer` and `params`."""

import json
from collections.abc import Mapping
from typing import Any

from mintmark.assets.params import PARAM_NAME, PARAM_VALUE
from mintmark.errors import FieldError
from mintmark.fields import read_choice, read_json, read_list, read_object, read_text

MAX_PARAMS = 8
_BESIDE_CHARACTERS = 4_096


def read_answer(value: Any) -> dict[str, Any]:
    """Return the form of the answer, whole. Raises FieldError."""
    answer = read_object(value, "answer")
    form = read_choice(answer.get("form"), "answer", ("raw", "json"))
    allowed = {"form", "methods"} if form == "raw" else {"form", "field", "beside", "methods"}
    if unknown := set(answer) - allowed:
        raise FieldError(f"“{sorted(unknown)[0][:40]}” is no field of an answer in the form {form}", "answer")
    if form == "raw":
        if answer.get("methods", ["GET"]) != ["GET"]:
            raise FieldError("methods of a raw answer are [GET]; other methods need the form json", "answer")
        return {"form": "raw", "methods": ["GET"]}
    field = read_text(answer.get("field", "token"), "answer", longest=100)
    return {
        "form": "json",
        "field": field,
        "beside": _beside(answer.get("beside", {}), field),
        "methods": _methods(answer),
    }


def _beside(value: Any, field: str) -> dict[str, Any]:
    beside: dict[str, Any] = read_json(read_object(value, "answer"), "answer")
    if field in beside:
        raise FieldError(f"“{field}” is the token’s own field and cannot stand in beside", "answer")
    if len(json.dumps(beside)) > _BESIDE_CHARACTERS:
        raise FieldError(f"beside is longer than {_BESIDE_CHARACTERS} characters", "answer")
    return beside


def _methods(answer: Mapping[str, Any]) -> list[str]:
    methods = read_list(answer.get("methods", ["GET", "POST"]), "answer")
    if not methods or any(method not in ("GET", "POST") for method in methods):
        raise FieldError("methods are GET, POST or both", "answer")
    return sorted(set(methods))


def read_params_field(value: Any) -> list[dict[str, Any]]:
    """Return the declared parameters. Raises FieldError."""
    params = [_param(item) for item in read_list(value, "params", most=MAX_PARAMS)]
    if len({param["name"] for param in params}) != len(params):
        raise FieldError("names a parameter twice", "params")
    return params


def _param(value: Any) -> dict[str, Any]:
    param = read_object(value, "params")
    name = param.get("name")
    if not isinstance(name, str) or not PARAM_NAME.fullmatch(name):
        raise FieldError("each takes a name of letters, digits and “_” that starts with a letter", "params")
    if unknown := set(param) - {"name", "one_of"}:
        raise FieldError(f"“{sorted(unknown)[0][:40]}” is no field of a parameter", "params")
    if "one_of" not in param:
        return {"name": name}
    values = read_list(param["one_of"], "params", most=100)
    if not values or any(not isinstance(item, str) or not PARAM_VALUE.fullmatch(item) for item in values):
        raise FieldError(
            f"{name}: one_of takes values of A–Z a–z 0–9 . _ ~ : @ / -, 1 to 200 characters each", "params"
        )
    return {"name": name, "one_of": values}
