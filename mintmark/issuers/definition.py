"""What the fields of a trusted issuer may be: the same for the site file and for forms.

Rule: whoever can sign for an issuer can be its people here; so there is exactly one algorithm and one way to its
keys, and what is not entered is what asks most of a token.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any

from mintmark import tokens
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_boolean, read_optional_text, read_text, read_whole
from mintmark.issuers.key_sources import read_jwks_url, read_start_url, see_keys
from mintmark.issuers.person_fields import (
    as_names,
    read_attribute_map,
    read_groups_map,
    read_identity_claim,
    read_optional_claim,
    read_prefix,
    read_required_claims,
    read_source_name,
)
from mintmark.issuers.rules import MAX_LEEWAY
from mintmark.listed_origins import read_origins

# field → what it is where nobody entered it; `audience` must be entered.
DEFAULTS: dict[str, Any] = {
    "tenant": None,
    "algorithm": "RS256",
    "jwks_url": None,
    "discover": False,
    "audience": None,
    "typ": None,
    "required_claims": [],
    "identity_claim": "sub",
    "one_time": True,
    "leeway": 30,
    "max_lifetime": 600,
    "create_people": False,
    "update_people": True,
    "username_prefix": "",
    "attribute_map": {},
    "groups_claim": None,
    "groups_map": {},
    "roles_claim": None,
    "permissions_claim": None,
    "start_url": None,
    "return_to": [],
    "session_lifetime": None,
}
MIN_LIFETIME, MAX_LIFETIME = 10, 86_400  # of a token, in seconds
MIN_SESSION, MAX_SESSION = 60, 31_536_000
MAX_ORIGINS = 50
# RFC 9110 §5.6.2, and the slash of a media type (RFC 7515 §4.1.9).
_TYP = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~/-]{1,40}", re.ASCII)
_COLUMNS = ("issuer", "name", "live")
FIELDS = (*_COLUMNS, *DEFAULTS)
_OURS = "is the address of this site: a token that this site signed signs nobody in here"
_Reader = Callable[[Any], Any]


def read_issuer(
    entered: Mapping[str, Any],
    *,
    group_ids: Mapping[str, str],
    attributes: Mapping[str, str],
    site_url: str,
    fetch_also: frozenset[str],
) -> dict[str, Any]:
    """Return {"issuer", "name", "live", "definition"} of what somebody entered. Raises InvalidFields with all problems.

    `group_ids` is name key → id, `attributes` name → type, `fetch_also` what may be fetched although it is private.
    In the definition groups stand by their ids. The secret and the public keys are entered beside it
    (mintmark/issuers/saving.py).
    """
    problems: list[tuple[str, str]] = []
    found: dict[str, Any] = {}
    present = {"live": True, **DEFAULTS, **entered}
    for field, read in _readers(group_ids, attributes, site_url, fetch_also).items():
        if field not in present or (field == "audience" and present[field] is None):
            problems.append((field, "is missing"))
            continue
        try:
            found[field] = read(present[field])
        except FieldError as error:
            problems.append((field, str(error)))
    problems += [(field, "is no field of a trusted issuer") for field in sorted(set(entered) - set(FIELDS))]
    problems += see_keys(found, fetch_also=fetch_also) + _check_together(found)
    if problems:
        raise InvalidFields(problems)
    return {**{name: found.pop(name) for name in _COLUMNS}, "definition": found}


def as_entered(row: Any, group_names: Mapping[str, str], *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return an issuer as `read_issuer` takes it, groups by their names; mappings to the attributes `but` left out."""
    definition = {name: row.definition.get(name, default) for name, default in DEFAULTS.items()}
    mapped = {name: claim for name, claim in definition["attribute_map"].items() if name not in but}
    groups_map = as_names(definition["groups_map"], group_names)
    columns = {"issuer": row.issuer or None, "name": row.name, "live": row.live}
    return {**columns, **definition, "attribute_map": mapped, "groups_map": groups_map}


def _readers(
    group_ids: Mapping[str, str], attributes: Mapping[str, str], site_url: str, fetch_also: frozenset[str]
) -> dict[str, _Reader]:
    return {
        **_READERS,
        "issuer": lambda value: _read_iss(value, site_url),
        "jwks_url": lambda value: read_jwks_url(value, site_url=site_url, fetch_also=fetch_also),
        "attribute_map": lambda value: read_attribute_map(value, attributes),
        "groups_map": lambda value: read_groups_map(value, group_ids),
    }


def _read_iss(value: Any, site_url: str) -> str:
    """Return the `iss`, exactly as tokens have it; "" where they have none."""
    if value is None:
        return ""
    text = read_text(value, "issuer")
    for character in text:
        if unicodedata.category(character)[0] in "CZ":
            raise FieldError(
                f"holds white space, or a control or invisible character (U+{ord(character):04X})", "issuer"
            )
    if is_site(text, site_url):
        raise FieldError(_OURS, "issuer")
    return text


def is_site(issuer: str, site_url: str) -> bool:
    """Tell whether an `iss` is this site, with or without a slash at the end."""
    return issuer.rstrip("/") == site_url.rstrip("/")


def _typ(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _TYP.fullmatch(value):
        raise FieldError("takes a type such as JWT or at+jwt, at most 40 characters", "typ")
    return value


def _session_lifetime(value: Any) -> int | None:
    return None if value is None else read_whole(value, "session_lifetime", MIN_SESSION, MAX_SESSION)


def _optional_claim(field: str) -> _Reader:
    return lambda value: read_optional_claim(value, field)


def _switch(field: str) -> _Reader:
    return lambda value: read_boolean(value, field)


_READERS: dict[str, _Reader] = {
    "issuer": str,  # These two need more than a value: `_readers` puts theirs here.
    "name": read_source_name,
    "live": _switch("live"),
    "tenant": lambda value: read_optional_text(value, "tenant") or None,
    "algorithm": lambda value: tokens.read_algorithm(read_text(value, "algorithm")),
    "jwks_url": str,
    "discover": _switch("discover"),
    "audience": lambda value: read_text(value, "audience"),
    "typ": _typ,
    "required_claims": read_required_claims,
    "identity_claim": read_identity_claim,
    "one_time": _switch("one_time"),
    "leeway": lambda value: read_whole(value, "leeway", 0, MAX_LEEWAY),
    "max_lifetime": lambda value: read_whole(value, "max_lifetime", MIN_LIFETIME, MAX_LIFETIME),
    "create_people": _switch("create_people"),
    "update_people": _switch("update_people"),
    "username_prefix": read_prefix,
    "groups_claim": _optional_claim("groups_claim"),
    "roles_claim": _optional_claim("roles_claim"),
    "permissions_claim": _optional_claim("permissions_claim"),
    "start_url": read_start_url,
    "return_to": lambda value: read_origins(value, "return_to", most=MAX_ORIGINS),
    "session_lifetime": _session_lifetime,
}


def _check_together(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    if found.get("groups_map") and "groups_claim" in found and found["groups_claim"] is None:
        return [("groups_claim", "is missing: it says in which claim the values of groups_map stand")]
    return []
