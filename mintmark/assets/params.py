"""Request parameters that an asset declares: what a value may be, and how they are read."""

import re
from collections.abc import Iterable
from typing import Any

from mintmark.assets.prepare import Prepared
from mintmark.errors import BadParameters

PARAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
PARAM_VALUE = re.compile(r"[A-Za-z0-9._~:@/-]{1,200}", re.ASCII)


def read_params(asset: Prepared, given: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return the declared parameters of a request; others are ignored. Raises BadParameters."""
    declared = {param["name"]: param.get("one_of") for param in asset.definition["params"]}
    params: dict[str, str] = {}
    for name, value in given:
        if name not in declared:
            continue
        if name in params:
            raise BadParameters(f"{name} is given twice.")
        if not isinstance(value, str) or not PARAM_VALUE.fullmatch(value):
            raise BadParameters(f"{name} takes 1 to 200 of A–Z a–z 0–9 . _ ~ : @ / -")
        one_of = declared[name]
        if one_of is not None and value not in one_of:
            raise BadParameters(f"{name} takes one of {', '.join(one_of)}.")
        params[name] = value
    return params
