"""A trusted issuer as fields of a form: text, lines and switches; and back to what a site file would say.

What the fields may be is decided where a site file is read too (mintmark.issuers.definition). Nothing here knows a key.
"""

import json
from collections.abc import Mapping
from typing import Any

from mintmark import attributes, groups
from mintmark.errors import FieldError
from mintmark.issuers.definition import DEFAULTS, read_issuer
from mintmark.web import get_mint
from mintmark.web.admin.entered_text import json_text, read_number, read_object
from mintmark.web.forms import Problems, lines_of, typed

LABELS = {
    "name": "Name",
    "issuer": "Issuer",
    "no_iss": "Their tokens carry no iss",
    "algorithm": "Algorithm",
    "audience": "Audience",
    "create_people": "Make people who are not here yet",
    "update_people": "Update people at every sign-in",
    "tenant": "Tenant",
    "typ": "Type",
    "required_claims": "Required claims",
    "identity_claim": "Identity claim",
    "one_time": "Each token once",
    "leeway": "Leeway in seconds",
    "max_lifetime": "Longest lifetime in seconds",
    "username_prefix": "Prefix of usernames",
    "attribute_map": "Attributes",
    "groups_claim": "Groups claim",
    "groups_map": "Groups",
    "roles_claim": "Roles claim",
    "permissions_claim": "Permissions claim",
    "start_url": "Start address",
    "return_to": "Return to",
    "session_lifetime": "Longest session in seconds",
    "live": "Live",
}
_SWITCHES = ("no_iss", "create_people", "update_people", "one_time", "live")
_NUMBERS = ("leeway", "max_lifetime", "session_lifetime")
_OPTIONAL = ("audience", "tenant", "typ", "groups_claim", "roles_claim", "permissions_claim", "start_url")
_LISTS = ("required_claims", "return_to")
_MAPS = ("attribute_map", "groups_map")
# The parties of our own documentation that sign people in: what their tokens are like, as a site file says it. None
# maps e-mail: at relying parties that go by it, whoever says it can be anybody, so that somebody has to want that.
LIKES: dict[str, tuple[str, dict[str, Any]]] = {
    "authonomy": (
        "Authonomy",
        {
            "audience": "authonomy",
            "required_claims": ["email", "tenant_id"],
            "attribute_map": {"display_name": "name"},
            "roles_claim": "roles",
            "permissions_claim": "permissions",
        },
    ),
    "convergence": (
        "Convergence",
        {
            "issuer": None,
            "audience": "Convergence",
            "one_time": False,
            "create_people": True,
            "attribute_map": {
                "first_name": "firstName",
                "last_name": "lastName",
                "display_name": "displayName",
            },
        },
    ),
    "comm100": ("Comm100", {"issuer": None, "identity_claim": "identity"}),
}


def usual(like: str = "") -> dict[str, Any]:
    """Return the fields as they stand first; `like`: as the tokens of one of LIKES are."""
    own = LIKES[like][1] if like in LIKES else {}
    return values_of({"issuer": "", "name": "", "live": True, **DEFAULTS, **own})


def typed_values() -> dict[str, Any]:
    """Return the fields as they were typed."""
    texts = [name for name in LABELS if name not in _SWITCHES]
    return typed(*texts, switches=_SWITCHES)


def values_of(entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a site file says of an issuer as fields of a form."""
    values: dict[str, Any] = {name: _text(entered.get(name)) for name in LABELS if name not in _SWITCHES}
    values |= {name: bool(entered.get(name)) for name in _SWITCHES}
    values |= {name: "\n".join(entered.get(name) or []) for name in _LISTS}
    values |= {name: map_text(entered.get(name) or {}, name) for name in _MAPS}
    return {**values, "no_iss": entered["issuer"] is None}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def read_entered(values: Mapping[str, Any], problems: Problems, **key: Any) -> dict[str, Any] | None:
    """Return {"issuer", "name", "live", "definition"} of a form, with `jwks_url` and `discover` of `key`.

    None where something is wrong, which is among the problems then.
    """
    entered: dict[str, Any] = {"name": values["name"], "algorithm": values["algorithm"], **key}
    entered |= {name: values[name].strip() or None for name in _OPTIONAL}
    entered |= {name: values[name] for name in ("create_people", "update_people", "one_time", "live")}
    entered |= {"identity_claim": values["identity_claim"].strip(), "username_prefix": values["username_prefix"]}
    entered |= {name: read_number(values[name]) if values[name].strip() else None for name in _NUMBERS}
    entered |= {name: lines_of(values[name]) for name in _LISTS}
    found, settings = None, get_mint().settings
    with problems.of():
        entered["issuer"] = _issuer(values)
    for name in _MAPS:
        entered[name] = {}
        with problems.of():
            entered[name] = read_map(values[name], name)
    with problems.of():
        found = read_issuer(
            entered,
            group_ids=groups.ids_by_key(),
            attributes=attributes.declared(),
            site_url=settings.site_url,
            fetch_also=settings.fetch_also,
        )
    return found


def _issuer(values: Mapping[str, Any]) -> str | None:
    text = str(values["issuer"])
    if values["no_iss"] and text.strip():
        raise FieldError("is typed, and it is said that their tokens carry none: choose one of the two", "issuer")
    if not values["no_iss"] and not text.strip():
        raise FieldError("is empty; where their tokens carry no `iss`, say so beneath it", "issuer")
    return None if values["no_iss"] else text.strip()


def read_map(text: str, field: str) -> dict[str, Any]:
    """Return what lines `one = other` say, or one JSON object. Raises FieldError.

    The value of a groups claim may hold “=” itself (RFC 4514), so that there the last one counts.
    """
    if text.lstrip().startswith("{"):
        return read_object(text, field)
    pairs: dict[str, Any] = {}
    for line in lines_of(text):
        divided = line.rpartition("=") if field == "groups_map" else line.partition("=")
        name, equals, value = (piece.strip() for piece in divided)
        if not (name and equals and value):
            raise FieldError(f"“{line[:40]}” has nothing on one side of “=”; write each as {_EXAMPLES[field]}", field)
        if name in pairs:
            raise FieldError(f"names “{name[:40]}” twice", field)
        pairs[name] = value
    return pairs


_EXAMPLES = {"attribute_map": "`attribute = claim`", "groups_map": "`value = group`"}


def map_text(pairs: Mapping[str, str], field: str) -> str:
    """Return a line for each pair, or JSON where lines would not give the same back."""
    lines = "\n".join(f"{name} = {value}" for name, value in pairs.items())
    try:
        is_same = json.dumps(read_map(lines, field)) == json.dumps(pairs)
    except FieldError:
        is_same = False
    return lines if is_same else json_text(pairs)


def in_words(value: Any) -> str:
    """Return the value of a field for somebody to compare."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value) or "nothing"
