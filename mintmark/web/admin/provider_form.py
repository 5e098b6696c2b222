"""An OpenID provider as fields of a form: text, lines and switches; and back to what a site file would say.

What the fields may be is decided where a site file is read too (mintmark.openid.definition).
"""

from collections.abc import Mapping
from typing import Any

from mintmark import attributes, groups
from mintmark.errors import InvalidFields
from mintmark.openid.definition import AUTH_METHODS, DEFAULTS, FIELDS, read_provider
from mintmark.tokens import KEY_ALGORITHMS
from mintmark.web import get_mint
from mintmark.web.admin.entered_text import read_number
from mintmark.web.admin.issuer_form import in_words, map_text, read_map
from mintmark.web.forms import Problems, typed

LABELS = {
    "name": "Name",
    "issuer": "Issuer",
    "client_id": "Client id",
    "client_secret": "Client secret",
    "auth_method": "How the secret is sent",
    "algorithm": "Algorithm",
    "scopes": "Scopes",
    "create_people": "Make people who are not here yet",
    "update_people": "Update people at every sign-in",
    "username_claim": "Username claim",
    "username_prefix": "Prefix of usernames",
    "attribute_map": "Attributes",
    "groups_claim": "Groups claim",
    "groups_map": "Groups",
    "roles_claim": "Roles claim",
    "permissions_claim": "Permissions claim",
    "session_lifetime": "Longest session in seconds",
    "live": "Live",
    "seen": "This provider",
    "confirmed": "Its name",
}
_SWITCHES = ("create_people", "update_people", "live")
_OPTIONAL = ("groups_claim", "roles_claim", "permissions_claim")
_MAPS = ("attribute_map", "groups_map")
_TEXTS = tuple(name for name in FIELDS if name not in _SWITCHES)


def usual() -> dict[str, Any]:
    """Return the fields as they stand first."""
    return {**values_of({**DEFAULTS, "live": True}), "client_secret": ""}


def choices() -> dict[str, Any]:
    """Return what there is to choose from: (value, label) of each."""
    methods = [(AUTH_METHODS[0], "In the header: nearly always right"), (AUTH_METHODS[1], "In the form")]
    return {"algorithms": [(name, name) for name in KEY_ALGORITHMS], "methods": methods}


def typed_values() -> dict[str, Any]:
    """Return the fields as they were typed, but for the secret."""
    return typed(*_TEXTS, switches=_SWITCHES)


def values_of(entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a site file says of a provider as fields of a form."""
    values: dict[str, Any] = {name: "" if entered.get(name) is None else str(entered[name]) for name in _TEXTS}
    values |= {name: bool(entered.get(name)) for name in _SWITCHES}
    return values | {name: map_text(entered.get(name) or {}, name) for name in _MAPS}


def differences(entered: Mapping[str, Any], values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (label, now, typed) of each field that was typed otherwise than it stands, in words."""
    now = values_of(entered)
    changed = [name for name in values if values[name] != now[name]]
    return [(LABELS[name], in_words(now[name]), in_words(values[name])) for name in changed]


def read_entered(values: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Return what `read_provider` does. Raises InvalidFields."""
    settings = get_mint().settings
    entered: dict[str, Any] = {name: values[name].strip() for name in ("name", "issuer", "client_id", "scopes")}
    entered |= {name: values[name] for name in ("algorithm", "auth_method", "username_prefix", *_SWITCHES)}
    entered |= {name: values[name].strip() or None for name in _OPTIONAL}
    entered["username_claim"] = values["username_claim"].strip()
    lifetime = values["session_lifetime"]
    entered["session_lifetime"] = read_number(lifetime) if lifetime.strip() else None
    for name in _MAPS:
        with problems.of(name):
            entered[name] = read_map(values[name], name)
    with problems.of():
        return read_provider(
            entered,
            group_ids=groups.ids_by_key(),
            attributes=attributes.declared(),
            site_url=settings.site_url,
            fetch_also=settings.fetch_also,
        )
    raise InvalidFields(list(problems.found.items()))
