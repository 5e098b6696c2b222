"""A definition that was kept, read anew: against the groups and attributes of today.

What is brought back, copied or restored was checked when it was saved; since then a group or an
attribute may have gone.
"""

from collections.abc import Mapping
from typing import Any

from mintmark import attributes, groups
from mintmark.assets.definition import read_definition
from mintmark.errors import InvalidFields

_GONE = "names a group that is gone; make one in its place, and choose it on the Edit page"


def named_groups(definition: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a definition as somebody would enter it: groups by their names, sorted. `names` is id → name."""
    entered = dict(definition)
    for field in ("readers", "editors"):
        if definition[field] != "everyone":
            entered[field] = sorted(names[group_id] for group_id in definition[field] if group_id in names)
    return entered


def read_anew(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept definition as it is checked today. Raises InvalidFields."""
    names = groups.names_by_id()
    gone = [field for field in ("readers", "editors") if _has_gone(definition[field], names)]
    entered = named_groups(definition, names)
    problems = [(field, _GONE) for field in gone]
    try:
        checked = read_definition(entered, group_ids=groups.ids_by_key(), attributes=attributes.declared())
    except InvalidFields as error:
        raise InvalidFields([*problems, *error.problems]) from error
    if problems:
        raise InvalidFields(problems)
    return checked


def _has_gone(group_ids: Any, names: Mapping[str, str]) -> bool:
    return group_ids != "everyone" and any(group_id not in names for group_id in group_ids)
