"""The sections of a site file: which fields an entry has, what each may be, and by which one it is found.

Rule: only what can be said without the site's database is said here; whether a group exists
or a template fits the declared attributes is for `mintmark.site_file.planning`.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mintmark.assets.definition import FIELDS as ASSET_FIELDS
from mintmark.errors import FieldError
from mintmark.fields import (
    ATTRIBUTE_TYPES,
    identifier_key,
    read_boolean,
    read_choice,
    read_identifier,
    read_list,
    read_name,
    read_object,
    read_optional_text,
    read_set,
    read_text,
)
from mintmark.issuers.definition import FIELDS as ISSUER_FIELDS
from mintmark.issuers.person_fields import read_source_name
from mintmark.openid.definition import FIELDS as PROVIDER_FIELDS
from mintmark.paths import read_path
from mintmark.site_file.identity_field import read_identities
from mintmark.site_file.key_fields import read_id, read_key_algorithm, read_optional_id, read_private_key_field
from mintmark.site_file.moment_field import read_moment, read_optional_moment
from mintmark.site_file.secret_field import read_next_secret_field, read_secret_field
from mintmark.site_file.source_fields import (
    read_client_secret_field,
    read_iss,
    read_issuer_secret,
    read_public_keys_field,
)

Reader = Callable[[Any, str], Any]


@dataclass(frozen=True)
class Section:
    """`named_by` is the field by which an entry is found; `key_of` makes two spellings of one name equal."""

    named_by: str
    readers: dict[str, Reader]
    key_of: Callable[[Any], str] = str


def _as_it_stands(value: Any, _field: str) -> Any:
    """Leave the checking to the definition of the noun, which reads all its fields together."""
    return value


def _path(value: Any, field: str) -> str:
    return read_path(read_text(value, field, longest=2_000))


def _id(value: Any, field: str) -> str:
    text = read_text(value, field)
    try:
        is_canonical = str(uuid.UUID(text)) == text
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise FieldError("takes a UUID in its usual form: 36 characters, lower case, with hyphens", field)
    return text


def _password(value: Any, field: str) -> str:
    # Its rules need the username: document.py applies them. A number is no password that anybody typed.
    if not isinstance(value, str):
        raise FieldError("takes text; put it in quotes", field)
    return value


def _group_names(value: Any, field: str) -> list[str]:
    return [read_identifier(item, field) for item in read_list(value, field)]


def _attribute_type(value: Any, field: str) -> str:
    return read_choice(value, field, ATTRIBUTE_TYPES)


def _changed_by(value: Any, field: str) -> str:
    return read_choice(value, field, ("administrators", "person"))


def _source_name(value: Any, _field: str) -> str:
    return read_source_name(value)


def _key_of_iss(issuer: str | None) -> str:
    return issuer or NO_ISS


NO_ISS = " "  # The key of the issuer whose tokens have no `iss`: none that has one looks like this.
SECTIONS: dict[str, Section] = {
    "attributes": Section(
        "name",
        {
            "name": read_name,
            "label": read_text,
            "type": _attribute_type,
            "sensitive": read_boolean,
            "changed_by": _changed_by,
        },
    ),
    "groups": Section("name", {"name": read_identifier}, key_of=identifier_key),
    "people": Section(
        "username",
        {
            "username": read_identifier,
            "id": _id,
            "password": _password,
            "email": read_optional_text,
            "first_name": read_optional_text,
            "last_name": read_optional_text,
            "display_name": read_optional_text,
            "is_admin": read_boolean,
            "live": read_boolean,
            "groups": _group_names,
            "roles": read_set,
            "permissions": read_set,
            "attributes": read_object,
            "identities": read_identities,
        },
        key_of=identifier_key,
    ),
    "signing_keys": Section(
        "key_id",
        {
            "key_id": read_id,
            "algorithm": read_key_algorithm,
            "private_key": read_private_key_field,
            "replaces": read_optional_id,
            "published_at": read_moment,
            "signs_from_at": read_moment,
            "retired_at": read_optional_moment,
            "gone_at": read_optional_moment,
            "due_at": read_optional_moment,
        },
    ),
    "assets": Section(
        "path",
        {
            **dict.fromkeys(ASSET_FIELDS, _as_it_stands),
            "path": _path,
            "secret": read_secret_field,
            "next_secret": read_next_secret_field,
        },
    ),
    "trusted_issuers": Section(
        "issuer",
        {
            **dict.fromkeys(ISSUER_FIELDS, _as_it_stands),
            "issuer": read_iss,
            "secret": read_issuer_secret,
            "public_keys": read_public_keys_field,
        },
        key_of=_key_of_iss,
    ),
    "openid_providers": Section(
        "name",
        {
            **dict.fromkeys(PROVIDER_FIELDS, _as_it_stands),
            "name": _source_name,
            "client_secret": read_client_secret_field,
        },
    ),
}
SECRET_FIELDS = frozenset({"password", "secret", "next_secret", "private_key", "client_secret"})
ATTRIBUTE_DEFAULTS = {"type": "text", "sensitive": False, "changed_by": "administrators"}
