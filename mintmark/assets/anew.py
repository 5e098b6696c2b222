"""A definition that was kept, read anew: against the groups, attributes and signing keys of today.

What is brought back, copied or restored was checked when it was saved; since then a group, an
attribute or a key may have gone.
"""

from collections.abc import Mapping
from typing import Any

from mintmark import attributes, groups
from mintmark.assets.definition import read_definition
from mintmark.assets.key_field import can_sign
from mintmark.errors import InvalidFields
from mintmark.keys.rings import Choice

_GONE = "names a group that is gone; make one in its place, and choose it on the Edit page"
_NO_KEY_LEFT = "has no key left to sign with; choose another one on the Key page"


def as_entered(definition: Mapping[str, Any], names: Mapping[str, str], key_ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a definition as somebody would enter it: groups by their names, sorted, its key by a key id.

    `names` is id → name of groups, `key_ids` ring → key id; of a ring that is not there the id stays, which no key has.
    """
    ring_id = definition.get("signing_key")
    entered = {**definition, "signing_key": key_ids.get(ring_id, ring_id) if ring_id else None}
    for field in ("readers", "editors"):
        if definition[field] != "everyone":
            entered[field] = sorted(names[group_id] for group_id in definition[field] if group_id in names)
    return entered


def read_anew(definition: Mapping[str, Any], *, key_stays: bool = False) -> dict[str, Any]:
    """Return a kept definition as it is checked today. Raises InvalidFields.

    `key_stays`: nobody chooses its signing key now, so that one without keys hinders nothing else.
    """
    names, ring_id = groups.names_by_id(), definition.get("signing_key")
    problems = [(field, _GONE) for field in ("readers", "editors") if _has_gone(definition[field], names)]
    if ring_id is not None and not key_stays and not can_sign(ring_id):
        problems.append(("signing_key", _NO_KEY_LEFT))
    keys = {ring_id: Choice(ring_id, definition["algorithm"])} if ring_id is not None else {}
    entered = as_entered(definition, names, {})
    group_ids, declared = groups.ids_by_key(), attributes.declared()
    try:
        # A preset that holds nothing any more hinders nobody, and goes on being warned about.
        checked = read_definition(entered, group_ids=group_ids, attributes=declared, keys=keys, kept=definition)
    except InvalidFields as error:
        raise InvalidFields([*problems, *error.problems]) from error
    if problems:
        raise InvalidFields(problems)
    return checked


def _has_gone(group_ids: Any, names: Mapping[str, str]) -> bool:
    return group_ids != "everyone" and any(group_id not in names for group_id in group_ids)
