"""The rooms of the site that who is signed in may enter: the navigation on every page."""

from dataclasses import dataclass

from flask import request, url_for
from flask_login import current_user

from mintmark.web.rights import edits, may_administer

# endpoint, label; all pages whose address begins as that of a room are within it, and those that stand in _ALSO.
_ALL = [("home.home", "Home")]
_EDITORS = [("assets.assets", "Assets")]
_ADMINISTRATORS = [
    ("dashboard.dashboard", "Dashboard"),
    ("assets.assets", "Assets"),
    ("keys.keys", "Signing keys"),
    ("people.people", "People"),
    ("groups.groups", "Groups"),
    ("attributes.attributes", "Attributes"),
    ("issuers.issuers", "Sign-in"),
    ("records.records", "Log"),
]
_ALSO = {
    "assets.assets": ("/admin/presets", "/admin/matrix-import"),
    "issuers.issuers": ("/admin/openid",),
}
_LAST = [("account.account", "Account"), ("help.help", "Help")]


@dataclass(frozen=True, slots=True)
class Room:
    """One entry of the navigation."""

    label: str
    url: str
    is_here: bool


def rooms() -> list[Room]:
    """Return the rooms of who is signed in; none for a stranger."""
    if not current_user.is_authenticated:
        return []
    between = _ADMINISTRATORS if may_administer() else _EDITORS if edits(current_user.person) else []
    return [_room(endpoint, label) for endpoint, label in [*_ALL, *between, *_LAST]]


def _room(endpoint: str, label: str) -> Room:
    url = url_for(endpoint)
    here, room = request.path, url.removeprefix(request.script_root)
    is_one_page = room in ("/", "/admin")
    places = () if is_one_page else (room, *_ALSO.get(endpoint, ()))
    return Room(label, url, here == room or f"{here}/".startswith(tuple(f"{place}/" for place in places)))
