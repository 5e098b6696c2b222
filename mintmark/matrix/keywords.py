"""The keywords of Squiz Matrix: what each is here, what is otherwise, and why some are nothing here.

Rule: documented names only (docs.squiz.net/matrix, “Keyword replacements” and “Global keywords”). A name that is not
in these tables is not guessed at: it cannot be carried over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mintmark.errors import FieldError
from mintmark.fields import read_name

from .given import BOOLEAN, LIST, NUMBER, TEXT, Given, Way
from .report import CARRIED, DIFFERS, Lost

MAX_PARAMS = 8
_PARAM = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_NUMERIC = frozenset({"gt", "lt"})

_NAME = Given("asset.name", TEXT, is_free=True)
_PERSONS = Given("user.display_name", TEXT, is_free=True)
_ADDRESS = 'site.url ~ "/" ~ asset.path'
_ID = "It is a UUID here, not Matrix’s number: a relying party that knows people by the number takes them for others."
_OUR_NAME = "It is the name that the asset has here."
_OUR_PATH = "It is the path that the asset has here, without host."
_SHOWN = "It is the display name; without one, first and last name, else the username."

_TABLE: dict[str, tuple[Given, str, str]] = {
    "globals_user_assetid": (Given("user.id", TEXT, is_free=True), DIFFERS, _ID),
    "globals_user_name": (_PERSONS, DIFFERS, _SHOWN),
    "globals_user_short_name": (_PERSONS, DIFFERS, _SHOWN),
    "globals_user_attribute_username": (Given("user.username", TEXT, is_free=True), CARRIED, ""),
    "globals_user_attribute_first_name": (Given("user.first_name", TEXT, True, is_free=True), CARRIED, ""),
    "globals_user_attribute_last_name": (Given("user.last_name", TEXT, True, is_free=True), CARRIED, ""),
    "globals_user_attribute_email": (Given("user.email", TEXT, True, is_free=True), CARRIED, ""),
    "globals_user_member_groups": (
        Given("user.groups", LIST, is_free=True),
        DIFFERS,
        "These are the names of the groups; Matrix gave the numbers of its assets.",
    ),
    "globals_user_is_logged_in": (Given("true", BOOLEAN), CARRIED, "Whoever gets a token is signed in."),
    "asset_has_write_access": (
        Given("asset.can_edit", BOOLEAN),
        CARRIED,
        "True for the asset’s editors and for administrators: choose its editors.",
    ),
    "asset_name": (_NAME, CARRIED, _OUR_NAME),
    "asset_short_name": (_NAME, CARRIED, _OUR_NAME),
    "globals_asset_name": (_NAME, CARRIED, _OUR_NAME),
    "globals_asset_short_name": (_NAME, CARRIED, _OUR_NAME),
    "asset_web_path": (Given("asset.path", TEXT), DIFFERS, _OUR_PATH),
    "asset_url": (Given(_ADDRESS, TEXT, is_chain=False), DIFFERS, "It is the address that the asset has here."),
    "globals_asset_url": (Given(_ADDRESS, TEXT, is_chain=False), DIFFERS, "It is the address that the asset has here."),
    "globals_site_url": (Given("site.url", TEXT), DIFFERS, "It is the address of this site, not of the old one."),
    "globals_date_U": (Given("now", NUMBER), CARRIED, ""),
}
_FIXED = "it is the same in every token: write what Matrix gave as fixed text."
_LOST: tuple[tuple[str, str], ...] = (
    ("asset_assetid", f"assets have no number here; {_FIXED}"),
    ("globals_asset_assetid", f"assets have no number here; {_FIXED}"),
    ("globals_site_", _FIXED),
    ("globals_asset_", _FIXED),
    ("asset_", f"an asset has no such thing here; if {_FIXED}"),
    ("globals_date", "moments have one form here: seconds since 1970, `{{ now }}`."),
    ("globals_session_", "templates do not read sessions; declare an attribute of people in its place."),
    ("globals_cookie_", "templates do not read cookies."),
    ("globals_server_", "templates do not read the web server’s variables."),
    ("globals_post_", "templates read parameters of the request only: declare one, `params.x`."),
    ("globals_random", "the site makes its own random `jti` in each token."),
    ("globals_user_", "there is nothing like it here; declare an attribute of people in its place."),
    ("nested_", "there is no page around a token."),
    ("frontend_", "there is no page around a token."),
    ("metadata_", f"assets have no metadata here; {_FIXED}"),
    ("begin_", "write the condition as `{% if … %}` around whole members."),
    ("else_", "write the condition as `{% if … %}` around whole members."),
    ("end_", "write the condition as `{% if … %}` around whole members."),
)
_OF_PEOPLE = ("globals_user_attribute_", "globals_user_metadata_")
_OF_REQUEST = "globals_get_"


@dataclass(slots=True)
class Wanted:
    """What the template wants declared; `known` are the attributes that the site has already."""

    known: Mapping[str, str]
    attributes: dict[str, str] = field(default_factory=dict)
    params: list[str] = field(default_factory=list)
    numbers: frozenset[str] = frozenset()  # attributes that are used as numbers, and as nothing else


def find(name: str, way: Way, wanted: Wanted) -> Given:
    """Return what a keyword is here. Raises Lost."""
    if name in _TABLE:
        given, kind, words = _TABLE[name]
        if words:
            way.say(kind, words)
        return given
    if ":" in name:
        raise Lost("it reads another asset.")
    if attribute := attribute_of(name):
        return _attribute(attribute, way, wanted)
    if name.startswith(_OF_REQUEST):
        return _param(name.removeprefix(_OF_REQUEST), way, wanted)
    for beginning, reason in _LOST:
        if name.startswith(beginning):
            raise Lost(reason)
    raise Lost("no such keyword is known.")


def attribute_of(name: str) -> str:
    """Return the name of the attribute of ours that a keyword means, or nothing."""
    beginning = next((one for one in _OF_PEOPLE if name.startswith(one)), None)
    if beginning is None or name in _TABLE:
        return ""
    plain = re.sub(r"[^a-z0-9]+", "_", name.removeprefix(beginning).lower()).strip("_")
    try:
        return read_name(plain, "name")
    except FieldError:
        return ""


def used_as_numbers(uses: Iterable[tuple[str, bool, list[tuple[str, list[str]]]]]) -> frozenset[str]:
    """Return the attributes that some use takes for a number, and none for text; a use is name, quoted, modifiers."""
    numbers, texts = set(), set()
    for name, is_quoted, modifiers in uses:
        if not all(map(_takes_numbers, modifiers)):
            texts.add(name)
        elif not is_quoted or any(modifier in _NUMERIC for modifier, _ in modifiers):
            numbers.add(name)
    return frozenset(numbers - texts)


def _takes_numbers(modifier: tuple[str, list[str]]) -> bool:
    name, arguments = modifier
    is_fallback = name == "empty" and len(arguments) == 1 and arguments[0].isdecimal()
    return name in _NUMERIC or name == "json_encode" or is_fallback


def _attribute(name: str, way: Way, wanted: Wanted) -> Given:
    if name in wanted.known:
        kind = wanted.known[name]
        way.say(CARRIED, f"The attribute `{name}` ({kind}) is declared on this site.")
    else:
        kind = wanted.attributes.setdefault(name, NUMBER if name in wanted.numbers else TEXT)
        way.say(CARRIED, f"Declare the attribute `{name}` ({kind}).")
    return Given(f"user.attributes.{name}", kind, True, is_free=kind in (TEXT, LIST))


def _param(name: str, way: Way, wanted: Wanted) -> Given:
    if not _PARAM.fullmatch(name):
        raise Lost("a parameter has letters, digits and “_” in its name, at most 40.")
    if name not in wanted.params:
        if len(wanted.params) >= MAX_PARAMS:
            raise Lost(f"an asset has at most {MAX_PARAMS} parameters.")
        wanted.params.append(name)
    words = "whoever asks chooses it, from A–Z a–z 0–9 . _ ~ : @ / - only. List its values where you can."
    way.say(CARRIED, f"Declare the parameter `{name}`: {words}")
    return Given(f"params.{name}", TEXT, True, is_free=True)
