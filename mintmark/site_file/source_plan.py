"""What the plans of trusted issuers and OpenID providers have in common.

Rule: an entry is checked whole, also where the file names a few fields of it. An address is resolved once in an
import, before its transaction: the second plan takes over what the first found.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mintmark.errors import InvalidFields
from mintmark.fields import is_same
from mintmark.issuers.warnings import gone_attributes
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry

Definition = Mapping[str, Any]


def checked(
    planning: Planning, entry: Entry, entered: Mapping[str, Any], read: Callable[..., dict[str, Any]]
) -> dict[str, Any] | None:
    """Return what `read` makes of an entry; None where something is wrong, which is said."""
    question = (dict(entered), dict(planning.types), dict(planning.group_ids))
    known = planning.memory.sources.get((entry.section, entry.place[1]))
    if known is not None and is_same(known[0], question):
        return known[1]
    faulty = entry.faulty.copy()
    try:
        values = read(
            entered,
            group_ids=planning.group_ids,
            attributes=planning.types,
            site_url=planning.site_url,
            fetch_also=planning.options.fetch_also,
        )
    except InvalidFields as error:
        for field, words in error.problems:
            if field not in faulty:
                planning.problems.add(entry, field, words)
        return None
    planning.memory.sources[entry.section, entry.place[1]] = (question, values)
    return values


def without_gone(definition: Definition, types: Mapping[str, str]) -> dict[str, Any]:
    """Return a definition without mappings to attributes that are gone, of which nothing is kept anyway."""
    gone = gone_attributes(definition["attribute_map"], types)
    mapped = {name: claim for name, claim in definition["attribute_map"].items() if name not in gone}
    return {**definition, "attribute_map": mapped}


def different(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that are different."""
    return [name for name in after if not is_same(before.get(name), after[name])]
