"""Awkward people, made up by the site, and samples of parameters: who and what a template is tried on.

Rule: each is allowed on this site, so that each can come one day: every value is one that
`mintmark.fields` takes. Where the site sets no bound, the size is one that really occurs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mintmark.assets.prepare import Prepared
from mintmark.errors import CannotIssue
from mintmark.examine.findings import BROKEN
from mintmark.fields import MAX_DIGITS, MAX_NAME, MAX_TEXT, MAX_USERNAME
from mintmark.readers import Reader, user_context

LONG_LIST = 50
_ID = "00000000-0000-4000-8000-000000000000"
_NAMES = ("email", "first_name", "last_name", "display_name")
_PERSON = {
    "id": _ID,
    "username": "plain",
    "email": "plain@example.test",
    "first_name": "Plain",
    "last_name": "Person",
    "display_name": None,
    "is_admin": False,
    "roles": ["user"],
    "permissions": ["read"],
}
_PLAIN = {"text": "text", "number": 1, "boolean": True, "list": ["one", "two"]}
_LONG = {
    "text": "x" * MAX_TEXT,
    "number": 10**MAX_DIGITS - 1,
    "boolean": False,
    "list": [f"item-{number:04}" for number in range(LONG_LIST)],
}
_ANY_GROUP = {_ID: "group"}
_EMPTY = {"text": "", "number": 0, "boolean": False, "list": []}
_BAD_EMAIL = "no address, but <text>"  # The site takes any text for one; relying parties do not.
# words → what every text of this person is, but for the e-mail address.
_TEXTS = {
    'named O\'Brien "Q" <x>': 'O\'Brien "Q" <x>',
    "with a name that looks like JSON": '","admin":true,"z":"',
    "with a name that looks like a template": "{{ user.id }}{% if %}\\",
    "with a name of emoji": "\U0001f98a\U0001f469\U0001f3fd",
    "with a name from right to left": "\u0645\u062d\u0645\u062f \u0627\u0644\u0639\u0631\u0628\u064a",
}


@dataclass(frozen=True, slots=True)
class AwkwardPerson:
    """Somebody whom the site made up; `has_long_params`: who also sends parameters as long as allowed."""

    words: str
    reader: Reader
    has_long_params: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Parameters of one imagined request, and the names of those that were left out."""

    params: Mapping[str, str]
    absent: tuple[str, ...] = ()

    @property
    def without(self) -> str:
        """Return the names that were left out, in words."""
        return ", ".join(self.absent)

    def explains(self, error: CannotIssue) -> bool:
        """Tell whether the error is only that this token needs what was left out."""
        name = "" if error.code == BROKEN else str(error.detail.get("name") or "")
        return name.startswith("params.") and name.removeprefix("params.") in self.absent


def samples(asset: Prepared, *, are_long: bool = False) -> list[Sample]:
    """Return what may be sent as parameters: all; each other value of a `one_of`; all but one; none.

    Parameters that the template does not use change nothing and are not varied.
    """
    names = asset.template.names if asset.template else frozenset()
    used = {p["name"]: p.get("one_of") for p in asset.definition["params"] if f"params.{p['name']}" in names}
    plain = "x" * 200 if are_long else "sample"
    given = {name: one_of[0] if one_of else plain for name, one_of in used.items()}
    found = [Sample(given)]
    for name, one_of in used.items():
        found += [Sample({**given, name: value}) for value in (one_of or ())[1:]]
    for name in used:
        found.append(Sample({other: value for other, value in given.items() if other != name}, (name,)))
    if len(used) > 1:
        found.append(Sample({}, tuple(used)))
    return found


def with_value(reader: Reader, name: str, attributes: Mapping[str, str]) -> Reader | None:
    """Return the same person with a plain value of what they lack; None for a name that cannot be set."""
    user, field = reader.user, name.removeprefix("user.")
    attribute = field.removeprefix("attributes.")
    if attribute in attributes and attribute != field:
        values = {**user["attributes"], attribute: _PLAIN[attributes[attribute]]}
        return replace(reader, user={**user, "attributes": values})
    return replace(reader, user={**user, field: "text"}) if field in _NAMES and field != name else None


def awkward_people(
    asset: Prepared, attributes: Mapping[str, str], group_names: Mapping[str, str]
) -> list[AwkwardPerson]:
    """Make up people who may fetch the asset. `attributes` is name → type, `group_names` id → name."""
    make = _Maker(asset, attributes, group_names)
    people = [AwkwardPerson(words, make(**make.named(text))) for words, text in _TEXTS.items()]
    people += [
        AwkwardPerson("without a surname", make(last_name=None)),
        AwkwardPerson("without a first name", make(first_name=None)),
        AwkwardPerson("without an e-mail address", make(email=None)),
        AwkwardPerson("with an e-mail address that is none", make(email=_BAD_EMAIL)),
        AwkwardPerson("without roles and permissions", make(roles=[], permissions=[])),
        AwkwardPerson("with nothing set but the username", make(**make.unset())),
        AwkwardPerson("with empty values", make(**make.empty())),
        AwkwardPerson("with values as long as allowed", make(**make.longest()), has_long_params=True),
        AwkwardPerson(f"with lists of {LONG_LIST} items", make(make.many_groups(), **make.long_lists())),
        AwkwardPerson("an administrator with nothing set", make({}, **{**make.unset(), "is_admin": True})),
    ]
    if asset.for_everyone:
        people.append(AwkwardPerson("in no group", make({})))
    if asset.editors:
        people.append(AwkwardPerson("an editor", make(make.editors)))
    return people


class _Maker:
    """Makes readers that differ from a plain person in the given values.

    A plain person may fetch: is in the asset's groups, or an administrator where it has none.
    """

    def __init__(self, asset: Prepared, attributes: Mapping[str, str], names: Mapping[str, str]) -> None:
        self._attributes = attributes
        readers = {group_id: names[group_id] for group_id in asset.readers if group_id in names}
        self.editors = {group_id: names[group_id] for group_id in asset.editors if group_id in names}
        self._groups = _ANY_GROUP if asset.for_everyone else readers or self.editors
        self._is_admin = not self._groups

    def __call__(self, groups: Mapping[str, str] | None = None, **values: Any) -> Reader:
        person = {**_PERSON, "is_admin": self._is_admin, **self._of(_PLAIN), **values}
        groups = self._groups if groups is None else groups
        return Reader(_ID, person["is_admin"], groups, user_context(person, groups.values()))

    def named(self, text: str) -> dict[str, Any]:
        """Give every text but the e-mail address this value."""
        attributes = self._of({**_PLAIN, "text": text, "list": [text]})
        names = dict.fromkeys(("username", *_NAMES), text)
        return {**names, "email": _PERSON["email"], **attributes}

    def unset(self) -> dict[str, Any]:
        return {**dict.fromkeys(_NAMES), "roles": [], "permissions": [], "attributes": {}}

    def empty(self) -> dict[str, Any]:
        return {**dict.fromkeys(_NAMES, ""), "roles": [], "permissions": [], **self._of(_EMPTY)}

    def longest(self) -> dict[str, Any]:
        names = dict.fromkeys(_NAMES, "x" * MAX_NAME)
        names["email"] = "@example.test".rjust(MAX_NAME, "x")
        return {"username": "x" * MAX_USERNAME, **names, **self._of({**_LONG, "list": _PLAIN["list"]})}

    def many_groups(self) -> dict[str, str]:
        return {**self._groups, **{f"{_ID}-{number}": f"group-{number:04}" for number in range(LONG_LIST)}}

    def long_lists(self) -> dict[str, Any]:
        items = _LONG["list"]
        return {"roles": items, "permissions": items, **self._of({**_PLAIN, "list": items})}

    def _of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give every attribute the value of its type."""
        return {"attributes": {name: values[kind] for name, kind in self._attributes.items()}}
