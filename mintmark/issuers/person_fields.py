"""What is entered about the people whom a trusted issuer or OpenID provider names: claims and what becomes of them.

Rule: a claim is named by a path nested by dots; only what is mapped is ever kept of a person, and no mapping makes
anybody an administrator.
"""

import re
from collections.abc import Mapping
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import UNSEEN, identifier_key, read_identifier, read_list, read_object, read_text

PERSON_FIELDS = ("email", "first_name", "last_name", "display_name")
MAX_CLAIM, MAX_MAPPED, MAX_REQUIRED = 200, 200, 32
_MAX_PREFIX = 40
_ONE_A_LINE = "write one a line"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
# What says who signed a token, for whom and when, says nothing of one person (RFC 7519 §4.1).
_OF_NO_PERSON = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})


def read_source_name(value: Any) -> str:
    """Return the name of a trusted issuer or OpenID provider, as it stands in addresses. Raises FieldError."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise FieldError(
            "takes a–z, 0–9, “_” and “-”, at most 40 characters, and starts with a letter or digit", "name"
        )
    return value


def read_claim(value: Any, field: str, *, longest: int = MAX_CLAIM, asked: str = "one claim is asked") -> str:
    """Return the name of a claim, or a path of names with dots between. Raises FieldError."""
    text = read_text(value, field, longest=longest)
    if UNSEEN.search(text) or text != text.strip():
        raise FieldError("holds a control or invisible character, or white space at its ends", field)
    if "," in text or any(character.isspace() for character in text):
        raise FieldError(f"holds a comma or white space in “{text[:40]}”; {asked}", field)
    if "" in text.split("."):
        raise FieldError(f"has nothing on one side of a dot in “{text[:40]}”; a nested claim is `outer.inner`", field)
    return text


def read_optional_claim(value: Any, field: str) -> str | None:
    """Return a claim, or None. Raises FieldError."""
    return None if value is None else read_claim(value, field)


def read_identity_claim(value: Any, field: str = "identity_claim") -> str:
    """Return the claim that says who somebody is. Raises FieldError."""
    claim = read_claim(value, field, longest=100)
    if claim in _OF_NO_PERSON:
        raise FieldError(f"is {claim}, which says nothing of one person; “sub” is the usual one", field)
    return claim


def read_required_claims(value: Any, field: str = "required_claims") -> list[str]:
    """Return the claims that a token must have, each once. Raises FieldError."""
    given = read_list(value, field, most=MAX_REQUIRED)
    return list(dict.fromkeys(read_claim(each, field, asked=_ONE_A_LINE) for each in given))


def read_prefix(value: Any, field: str = "username_prefix") -> str:
    """Return what stands before the usernames of people who are made on demand. Raises FieldError."""
    text = read_text(value, field, longest=_MAX_PREFIX, may_be_empty=True)
    return read_identifier(text + "x", field)[:-1] if text else ""


def read_attribute_map(value: Any, attributes: Mapping[str, str], field: str = "attribute_map") -> dict[str, str]:
    """Return attribute → claim, of a person's own fields and the declared attributes. Raises FieldError."""
    given = read_object(value, field)
    for name in given:
        if name not in PERSON_FIELDS and name not in attributes:
            known = ", ".join(PERSON_FIELDS)
            raise FieldError(f"“{name[:40]}” is none of {known}, and no attribute", field)
    return {name: read_claim(given[name], field, asked=_ONE_A_LINE) for name in sorted(given)}


def read_groups_map(value: Any, group_ids: Mapping[str, str], field: str = "groups_map") -> dict[str, str]:
    """Return value of the groups claim → id of a group of ours, which exists. Raises FieldError."""
    given = read_object(value, field)
    if len(given) > MAX_MAPPED:
        raise FieldError(f"has {len(given)} values; at most {MAX_MAPPED} are possible", field)
    found = {}
    for named in sorted(given):
        group = read_identifier(given[named], field)
        if identifier_key(group) not in group_ids:
            raise FieldError(f"“{group}” is no group", field)
        found[read_text(named, field)] = group_ids[identifier_key(group)]
    return found


def as_names(groups_map: Mapping[str, str], group_names: Mapping[str, str]) -> dict[str, str]:
    """Return value of the groups claim → name of the group, of what `read_groups_map` gave."""
    return {value: group_names[group_id] for value, group_id in groups_map.items() if group_id in group_names}
