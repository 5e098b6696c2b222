"""Home: the assets that this person may fetch, each with its path and a copy-ready example."""

import json
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_login import current_user

from mintmark.assets.listing import fetchable
from mintmark.paths import is_path

bp = Blueprint("home", __name__)


@bp.get("/")
def home() -> str:
    """Show a page of assets, by path."""
    after = request.args.get("after", "")
    after = after if is_path(after) else ""
    rows, has_more = fetchable(current_user.person, after=after)
    assets = [_shown(asset.path, asset.name, definition) for asset, definition in rows]
    next_url = url_for("home.home", after=rows[-1][0].path) if has_more else None
    return render_template("home.html", assets=assets, next_url=next_url, is_first_page=not after)


def _shown(path: str, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    url = f"{request.script_root}/{path}"
    needed = [param["name"] for param in definition["params"]]
    return {
        "path": path,
        "name": name,
        "url": url,
        "lifetime": definition["lifetime"],
        "params": needed,
        "methods": definition["answer"]["methods"],
        "example": _example(url, definition["answer"], needed),
    }


def _example(url: str, answer: dict[str, Any], params: list[str]) -> str:
    """Return JavaScript for a page of this site that fetches the token."""
    check = 'if (!answer.ok) throw new Error(answer.headers.get("Mintmark-Reason") ?? answer.status);'
    take = "await answer.text()"
    if answer["form"] == "json":
        take = f"(await answer.json())[{json.dumps(answer['field'])}]"
    return f"{_request(url, answer['methods'], params)}\n{check}\nconst token = {take};"


def _request(url: str, methods: list[str], params: list[str]) -> str:
    if "GET" in methods:
        query = "?" + "&".join(f"{name}=…" for name in params) if params else ""
        return f'const answer = await fetch("{url}{query}", {{cache: "no-store"}});'
    body = ", ".join(f'{name}: "…"' for name in params)
    return (
        f'const answer = await fetch("{url}", {{\n  method: "POST",\n'
        f'  headers: {{"Content-Type": "application/json"}},\n  body: JSON.stringify({{{body}}}),\n}});'
    )
