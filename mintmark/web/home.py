"""Home: the assets that this person may fetch, each with its preview and a copy-ready example."""

import json
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_login import current_user

from mintmark.assets.listing import fetchable
from mintmark.assets.reach import edited_by
from mintmark.models import Asset, db
from mintmark.paths import is_path
from mintmark.web import get_mint
from mintmark.web.rights import may_administer

bp = Blueprint("home", __name__)


@bp.get("/")
def home() -> str:
    """Show a page of assets, by path."""
    after = request.args.get("after", "")
    after = after if is_path(after) else ""
    rows, has_more = fetchable(current_user.person, after=after)
    own = _edited([asset.id for asset, _ in rows])
    assets = [
        {**_shown(asset.path, asset.name, definition), "id": asset.id if asset.id in own else None}
        for asset, definition in rows
    ]
    next_url = url_for("home.home", after=rows[-1][0].path) if has_more else None
    return render_template("home.html", assets=assets, next_url=next_url, is_first_page=not after)


def _edited(asset_ids: list[str]) -> set[str]:
    """Return which of these assets have a page for who is signed in: all for administrators, else those they edit."""
    if may_administer():
        return set(asset_ids)
    return set(db.session.scalars(edited_by(current_user.person).where(Asset.id.in_(asset_ids))))


def _shown(path: str, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    params, origins = definition["params"], definition["origins"]
    path_here = f"{request.script_root}/{path}"
    site_url = get_mint().settings.site_url.removesuffix(request.script_root)
    return {
        "path": path,
        "name": name,
        "url": path_here,
        "lifetime": definition["lifetime"],
        "params": [param["name"] for param in params],
        "methods": definition["answer"]["methods"],
        "launch": definition.get("launch") is not None,
        "example": _example(
            site_url + path_here if origins else path_here, bool(origins), definition["answer"], params
        ),
    }


def _example(url: str, is_for_others: bool, answer: dict[str, Any], params: list[dict[str, Any]]) -> str:
    """Return JavaScript that fetches the token, for a page of this site or, where it lists origins, of those."""
    check = 'if (!answer.ok) throw new Error(answer.headers.get("Mintmark-Reason") ?? answer.status);'
    take = "await answer.text()"
    if answer["form"] == "json":
        take = f"(await answer.json())[{json.dumps(answer['field'])}]"
    given = {param["name"]: param.get("one_of", ["…"])[0] for param in params}
    return f"{_request(url, is_for_others, answer['methods'], given)}\n{check}\nconst token = {take};"


def _request(url: str, is_for_others: bool, methods: list[str], given: dict[str, str]) -> str:
    credentials = 'credentials: "include", ' if is_for_others else ""
    if "GET" in methods:
        query = "?" + "&".join(f"{name}={value}" for name, value in given.items()) if given else ""
        return f'const answer = await fetch("{url}{query}", {{{credentials}cache: "no-store"}});'
    body = json.dumps(given, ensure_ascii=False)
    return (
        f'const answer = await fetch("{url}", {{\n  method: "POST",\n'
        f'  {credentials}headers: {{"Content-Type": "application/json"}},\n  body: JSON.stringify({body}),\n}});'
    )
