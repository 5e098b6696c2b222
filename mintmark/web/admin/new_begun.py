"""What the form of a new asset begins with: what is usual, what a preset fills in, or a template from elsewhere."""

from collections.abc import Mapping
from typing import Any

from mintmark import groups, presets
from mintmark.assets.definition import DEFAULTS
from mintmark.paths import is_path
from mintmark.presets import Preset
from mintmark.web.admin import new_entered, party_entered
from mintmark.web.admin.asset_entered import values_of
from mintmark.web.admin.secret_entered import new_secret_values
from mintmark.web.forms import typed

FIRST_TEMPLATE = """{
  "sub": "{{ user.username }}",
  "name": "{{ user.display_name }}",
  "email": "{{ user.email | omit }}"
}"""
_FROM_ELSEWHERE = ("path", "name", "template", "params")


def usual(under: str = "") -> dict[str, Any]:
    """Return an asset that is good as it stands, but for path and name."""
    return _values({"path": f"{under}/" if is_path(under) else "", "name": "", "template": FIRST_TEMPLATE})


def of_preset(preset: Preset, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return what a preset makes of checked answers; its path is a suggestion."""
    filled = presets.fill(preset, answers)
    values = _values({"path": "", **filled, "claims": {**DEFAULTS["claims"], **filled.get("claims", {})}})
    return values | {"begun": party_entered.begun_text(preset.slug, answers)}


def from_elsewhere() -> dict[str, Any]:
    """Return what is usual, with what the request brings: a template and its parameters, or a path or a name."""
    brought = {name: text for name, text in typed(*_FROM_ELSEWHERE).items() if text}
    return usual() | brought


def _values(first: Mapping[str, Any]) -> dict[str, Any]:
    shown = values_of({**DEFAULTS, **first}, groups.names_by_id())
    return shown | new_entered.new_key_values() | new_secret_values()
