"""Readers: a person as templates see one, and who may fetch what.

Everything here is plain data, never database rows, so that a template can reach
nothing that was not put there.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from mintmark.assets.prepare import Prepared
from mintmark.errors import NotAReader


@dataclass(frozen=True, slots=True)
class ByAccessToken:
    """The access token with which a person's program asks, and whether the asset asked for is among its assets."""

    id: str
    is_for_asset: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """A live person as the templates see one. `groups` is id → name."""

    id: str
    is_admin: bool
    groups: Mapping[str, str]
    user: Mapping[str, Any]
    touched: Mapping[str, Any] | None = None
    by_access_token: ByAccessToken | None = None


def may_fetch(asset: Prepared, reader: Reader) -> bool:
    """Readers, editors of the asset and administrators may fetch."""
    groups = reader.groups.keys()
    return bool(asset.for_everyone or reader.is_admin or asset.readers & groups or asset.editors & groups)


def see_that_may_fetch(asset: Prepared, reader: Reader) -> None:
    """Raises NotAReader unless somebody may fetch, and by an access token unless that is for this asset too."""
    if reader.by_access_token is not None and not reader.by_access_token.is_for_asset:
        raise NotAReader(f"This access token is not for {asset.path}.")
    if not may_fetch(asset, reader):
        raise NotAReader(f"This person is not among the readers of {asset.path}.")


def may_edit(asset: Prepared, reader: Reader) -> bool:
    """Editors of the asset and administrators may edit."""
    return reader.is_admin or bool(asset.editors & reader.groups.keys())


def readers_in_words(definition: Mapping[str, Any], group_names: Mapping[str, str]) -> str:
    """Say who may fetch an asset; administrators always may. `group_names` is id → name."""

    def named(field: str) -> str:
        return ", ".join(sorted(group_names.get(group_id, "a group that is gone") for group_id in definition[field]))

    if definition["readers"] == "everyone":
        return "anybody who is signed in"
    groups = [named("readers")] if definition["readers"] else []
    groups += [f"its editors {named('editors')}"] if definition["editors"] else []
    return "people in " + " and ".join(groups) if groups else "nobody but administrators"


def display_name_of(display_name: str | None, first_name: str | None, last_name: str | None, username: str) -> str:
    """Return by which name somebody is shown, on pages and in tokens."""
    return display_name or " ".join(filter(None, (first_name, last_name))) or username


def user_context(person: Mapping[str, Any], groups: Iterable[str]) -> dict[str, Any]:
    """Return `user` as templates see it (plain data, never rows)."""
    names = (person[name] for name in ("display_name", "first_name", "last_name", "username"))
    return {
        **person,
        "display_name": display_name_of(*names),
        "groups": sorted(groups),
    }


def reader_of(
    columns: Sequence[Any],
    touched: Mapping[str, Any] | None = None,
    by_access_token: ByAccessToken | None = None,
) -> Reader:
    """Return the reader of the person columns of `mintmark.models.wire`."""
    (
        person_id,
        username,
        email,
        first_name,
        last_name,
        display_name,
        is_admin,
        roles,
        permissions,
        attributes,
        groups,
    ) = columns
    group_names = _read_groups(groups) if groups else {}
    person = {
        "id": person_id,
        "username": username,
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "display_name": display_name,
        "is_admin": bool(is_admin),
        "roles": [*_read_sorted(roles)],
        "permissions": [*_read_sorted(permissions)],
        "attributes": json.loads(attributes),
    }
    user = user_context(person, group_names.values())
    return Reader(person_id, bool(is_admin), group_names, user, touched, by_access_token)


@lru_cache(maxsize=4096)
def _read_sorted(text: str) -> tuple[str, ...]:
    """Many people have the same roles; each list is read once."""
    return tuple(sorted(json.loads(text)))


@lru_cache(maxsize=4096)
def _read_groups(text: str) -> Mapping[str, str]:
    """Many people are in the same groups; nobody changes what all of them share."""
    return MappingProxyType(json.loads(text))
