"""The parameters that an asset declares, as fields of a form: not given where left empty."""

from typing import Any

from flask import request

from mintmark.assets.params import read_params
from mintmark.assets.prepare import Prepared
from mintmark.errors import BadParameters
from mintmark.web.forms import Problems

_PREFIX = "param_"  # So that no parameter is taken for a field of the form.


def fields_of(asset: Prepared) -> list[dict[str, Any]]:
    """Return for each parameter the name of its field, its own name, and the choices, where the asset lists them."""
    return [
        {"field": _PREFIX + param["name"], "name": param["name"], "choices": _choices(param.get("one_of"))}
        for param in asset.definition["params"]
    ]


def _choices(one_of: list[str] | None) -> list[tuple[str, str]]:
    return [("", "not given"), *((value, value) for value in one_of)] if one_of else []


def asked(asset: Prepared) -> dict[str, str]:
    """Return the fields as the address gives them, under the names that the asset itself takes."""
    return {field["field"]: request.args.get(field["name"], "") for field in fields_of(asset)}


def typed(asset: Prepared) -> dict[str, str]:
    """Return the fields as they were typed."""
    return {field["field"]: request.form.get(field["field"], "") for field in fields_of(asset)}


def read(asset: Prepared, values: dict[str, Any], problems: Problems) -> dict[str, str]:
    """Return the parameters; what is wrong with one becomes a problem of its field."""
    params: dict[str, str] = {}
    for field in fields_of(asset):
        name, value = field["name"], values[field["field"]]
        try:
            params |= read_params(asset, [(name, value)]) if value else {}
        except BadParameters as error:
            problems.add(field["field"], str(error).removeprefix(f"{name} "))
    return params
