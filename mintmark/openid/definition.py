"""What the fields of an OpenID provider may be: the same for the site file and for forms.

Rule: whoever is known here is known by (provider, `sub`) and nothing else (OpenID Connect Core §5.7); `username_claim`
is looked at once, when a person is made.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_boolean, read_choice, read_text, read_whole
from mintmark.issuers.definition import MAX_SESSION, MIN_SESSION, is_site
from mintmark.issuers.person_fields import (
    as_names,
    read_attribute_map,
    read_claim,
    read_groups_map,
    read_optional_claim,
    read_prefix,
    read_source_name,
)
from mintmark.models import OpenIDProvider
from mintmark.outbound import discovery, fetching
from mintmark.tokens import KEY_ALGORITHMS

BASIC, POST = AUTH_METHODS = ("client_secret_basic", "client_secret_post")  # OpenID Connect Core §9
# field → what it is where nobody entered it; name, issuer and client_id must be entered.
DEFAULTS: dict[str, Any] = {
    "algorithm": "RS256",  # What a provider must offer (OpenID Connect Core §15.1).
    "auth_method": BASIC,
    "scopes": "openid profile email",
    "create_people": False,
    "update_people": True,
    "username_claim": "sub",
    "username_prefix": "",
    "attribute_map": {},
    "groups_claim": None,
    "groups_map": {},
    "roles_claim": None,
    "permissions_claim": None,
    "session_lifetime": None,
}
FIELDS = ("name", "issuer", "client_id", *DEFAULTS, "live")
MAX_SECRET = 1_024
_VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)  # RFC 6749 §3.3


def read_provider(
    entered: Mapping[str, Any],
    *,
    group_ids: Mapping[str, str],
    attributes: Mapping[str, str],
    site_url: str,
    fetch_also: frozenset[str],
) -> dict[str, Any]:
    """Return {"name", "issuer", "client_id", "live", "definition"} of what somebody entered.

    Raises InvalidFields with all problems. `group_ids` is name key → id, `attributes` name → type. In the definition
    groups stand by their ids. The client secret is none of these fields: `read_client_secret`.
    """
    readers: dict[str, Callable[[Any, str], Any]] = {
        **_READERS,
        "issuer": lambda value, field: _issuer(value, field, site_url, fetch_also),
        "attribute_map": lambda value, field: read_attribute_map(value, attributes, field),
        "groups_map": lambda value, field: read_groups_map(value, group_ids, field),
    }
    values: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    whole = {**DEFAULTS, "live": True, **entered}
    for field in FIELDS:
        try:
            values[field] = readers[field](whole.get(field), field)
        except FieldError as error:
            problems.append((field, "is missing" if field not in whole else str(error)))
    problems += [(field, "is no field of an OpenID provider") for field in sorted(set(entered) - set(FIELDS))]
    if values.get("groups_map") and "groups_claim" in values and values["groups_claim"] is None:
        problems.append(("groups_claim", "is needed where groups are mapped"))
    if problems:
        raise InvalidFields(problems)
    definition = {field: values.pop(field) for field in DEFAULTS}
    return {**values, "definition": definition}


def as_entered(row: OpenIDProvider, group_names: Mapping[str, str]) -> dict[str, Any]:
    """Return a provider as somebody would enter it, without its secret; `group_names` is id → name.

    A group that was taken away is left out.
    """
    definition = {**DEFAULTS, **row.definition}
    definition["groups_map"] = as_names(definition["groups_map"], group_names)
    return {"name": row.name, "issuer": row.issuer, "client_id": row.client_id, **definition, "live": row.live}


def read_client_secret(value: Any, field: str = "client_secret") -> str:
    """Return a client secret (RFC 6749 appendix A.2). Raises FieldError, which never repeats it."""
    text = read_text(value, field, longest=MAX_SECRET)
    if not re.fullmatch(r"[\x20-\x7e]+", text, re.ASCII):
        raise FieldError("holds something else than visible ASCII characters", field)
    if text != text.strip():
        raise FieldError("has white space at its beginning or end", field)
    return text


def _issuer(value: Any, field: str, site_url: str, fetch_also: frozenset[str]) -> str:
    """Return an issuer exactly as its ID tokens say it: no query, no fragment (OpenID Connect Discovery §3)."""
    text = read_text(value, field)
    fetching.see_address(discovery.address_of(text), fetch_also=fetch_also, field=field)
    if "?" in text:
        raise FieldError("has a query, which no OpenID provider’s issuer has", field)
    if is_site(text, site_url):
        raise FieldError("is the address of this site", field)
    return text


def _client_id(value: Any, field: str) -> str:
    text = read_text(value, field)
    if not _VISIBLE.fullmatch(text):
        raise FieldError("takes visible ASCII characters without white space", field)
    return text


def _scopes(value: Any, field: str) -> str:
    text = read_text(value, field, longest=500)
    scopes = text.split()
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise FieldError("takes words of visible ASCII characters with a space between them", field)
    if "openid" not in scopes:
        raise FieldError("must hold `openid`", field)
    return " ".join(dict.fromkeys(scopes))


def _lifetime(value: Any, field: str) -> int | None:
    return None if value is None else read_whole(value, field, MIN_SESSION, MAX_SESSION)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": lambda value, _: read_source_name(value),
    "client_id": _client_id,
    "live": read_boolean,
    "algorithm": lambda value, field: read_choice(value, field, KEY_ALGORITHMS),
    "auth_method": lambda value, field: read_choice(value, field, AUTH_METHODS),
    "scopes": _scopes,
    "create_people": read_boolean,
    "update_people": read_boolean,
    "username_claim": read_claim,
    "username_prefix": read_prefix,
    "groups_claim": read_optional_claim,
    "roles_claim": read_optional_claim,
    "permissions_claim": read_optional_claim,
    "session_lifetime": _lifetime,
}
