"""How the tokens of an asset get to the relying party: addresses and snippets to copy.

What stands here is for administrators and editors of the asset; how a proxy is set up, with the address that
this site listens at, for administrators alone.
"""

from typing import Any

from flask import Blueprint, render_template

from mintmark import presets
from mintmark.assets import save
from mintmark.assets.launch_field import is_origin
from mintmark.assets.launching import TARGET
from mintmark.config import Settings
from mintmark.web import get_mint
from mintmark.web.admin import embedding
from mintmark.web.admin.one_asset import get_asset
from mintmark.web.rights import may_administer

bp = Blueprint("delivery", __name__, url_prefix="/admin/assets")
PROXIES = (("nginx", "nginx.conf"), ("Caddy", "Caddyfile"))


@bp.get("/<asset_id>/delivery")
def delivery(asset_id: str) -> str:
    """Show every way in which a token of this asset gets there."""
    asset, settings = get_asset(asset_id), get_mint().settings
    definition = save.current_revision(asset).definition
    return render_template(
        "admin/delivery.html",
        asset=asset,
        definition=definition,
        settings=settings,
        site_origin=embedding.origin_of(settings.site_url),
        is_under_a_path=embedding.is_under_a_path(settings),
        here=embedding.embedded(definition, settings.base_path, is_elsewhere=False),
        elsewhere=embedding.embedded(definition, settings.site_url, is_elsewhere=True),
        origins=[(origin, embedding.site_of(origin, settings.site_url)) for origin in definition["origins"]],
        proxies=_proxies(settings) if may_administer() else [],
        launch=_launch(definition.get("launch")),
        answer=embedding.answer_shown(definition["answer"]) if definition["answer"]["form"] == "json" else "",
        **_preset(definition, settings),
    )


def _proxies(settings: Settings) -> list[tuple[str, str]]:
    return [(name, embedding.proxy_example(file, settings)) for name, file in PROXIES]


def _launch(launch: dict[str, Any] | None) -> dict[str, Any] | None:
    """Tell what is passed on from what chooses where the token goes: one of the whole addresses of `return_to`."""
    if launch is None:
        return None
    passed = [name for name in launch["pass"] if name != TARGET]
    targets = [each for each in launch["return_to"] if not is_origin(each)] if TARGET in launch["pass"] else []
    return {**launch, "pass": passed, "targets": targets}


def _preset(definition: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the preset with its snippet; `unknown_preset` where this version of the site has it no more."""
    slug = definition.get("preset")
    preset = presets.find_preset(slug) if slug else None
    if preset is None:
        return {"preset": None, "unknown_preset": slug}
    code = embedding.preset_code(preset, definition, settings.site_url) if preset.snippet else ""
    return {"preset": preset, "code": code, "answers": definition.get("ask") or {}}
