"""From the claims of a verified token to what is kept of its person: only what was mapped, of the attributes' types.

Pure. What a token does not name stays as it is, but rights (groups, roles, permissions) that it does not name are gone.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import MAX_TEXT, UNSEEN, find_unseen, read_attribute, read_list, read_set, read_text
from mintmark.issuers.checks import shown
from mintmark.issuers.person_fields import PERSON_FIELDS
from mintmark.issuers.refusals import CLAIMS_INVALID, TokenRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMap:
    """Which claim is kept as what. `attributes` is attribute (or email, first_name, …) → claim, nested by dots;
    `types` declared attribute → type; `groups` value of the groups claim → id of a group of ours."""

    attributes: Mapping[str, str]
    types: Mapping[str, str]
    groups_claim: str | None
    groups: Mapping[str, str]
    roles_claim: str | None
    permissions_claim: str | None


@dataclass(frozen=True, slots=True)
class PersonValues:
    """What a token says of a person: `fields` as `people.revise` takes them, `attributes` the mapped ones alone,
    `groups` the ids of those of `mapped_groups` that they are in; the others are none of the issuer's business."""

    fields: dict[str, Any]
    attributes: dict[str, Any]
    groups: frozenset[str]
    mapped_groups: frozenset[str]


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim at a path; None where there is none. A claim whose whole name has dots comes first."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def read_person(claims: Mapping[str, Any], person_map: PersonMap) -> PersonValues:
    """Return what is kept of a person. Raises TokenRefused (CLAIMS_INVALID) where a value cannot be kept."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name, claim in person_map.attributes.items():
        value = claim_at(claims, claim)
        if value is None:
            continue  # Null is none: what is kept stays.
        if name in PERSON_FIELDS:  # A field of ours comes before an attribute of its name.
            fields[name] = _read(_text, value, name, claim)
        elif name in person_map.types:  # Nothing else, ever: no right, no username, no password is mapped.
            reader = functools.partial(read_attribute, kind=person_map.types[name])
            attributes[name] = _read(reader, value, name, claim)
    for name, rights_claim in (("roles", person_map.roles_claim), ("permissions", person_map.permissions_claim)):
        if rights_claim is not None:
            fields[name] = _read(_rights, claim_at(claims, rights_claim), name, rights_claim)
    return PersonValues(fields, attributes, *_groups(claims, person_map))


def _groups(claims: Mapping[str, Any], person_map: PersonMap) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the groups that a token names, and of all that it may name."""
    claim = person_map.groups_claim
    if claim is None:
        return frozenset(), frozenset()
    named = _read(_names, claim_at(claims, claim), "groups", claim)
    ours = frozenset(person_map.groups[name] for name in named if name in person_map.groups)
    return ours, frozenset(person_map.groups.values())


def _read(reader: Callable[[Any, str], Any], value: Any, name: str, claim: str) -> Any:
    try:
        return reader(value, name)
    except FieldError as error:
        words = f"{shown(claim)}, which is kept as {name}, {error}"
        raise TokenRefused(CLAIMS_INVALID, "mapping", words) from error


def _text(value: Any, field: str) -> str | None:
    """Return a text that stands in one line and hides nothing; a name keeps the joiners that some scripts need."""
    text = read_text(value, field, may_be_empty=True)
    if UNSEEN.search(text) or (field == "email" and find_unseen(text)):
        raise FieldError("holds a control or invisible character", field)
    return text if text.strip() else None  # As in the form: an empty field is none.


def _rights(value: Any, field: str) -> list[str]:
    return read_set(_listed(value), field)


def _names(value: Any, field: str) -> list[str]:
    """Return what a groups claim names; only looked up, so that it may be longer than any name of ours."""
    return [read_text(each, field, longest=MAX_TEXT, may_be_empty=True) for each in read_list(_listed(value), field)]


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value
