"""What is pasted into a page or a proxy so that a page has an asset's tokens, and which site that page is of.

Rule: whatever came from somebody stands in code as a JSON literal without `<`, so that no name ends the script
around it, and no value is code.
"""

import functools
import ipaddress
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mintmark import presets
from mintmark.addresses import is_every_address, split_bind
from mintmark.config import Settings
from mintmark.errors import FieldError

_DOCS = Path(__file__).parents[3] / "docs"
# As the files in docs/ have them.
_PROXY_HOST, _PROXY_PATH, _PROXY_BIND = "www.example.org", "/tokens", "127.0.0.1:8000"


def embedded(definition: dict[str, Any], site: str, *, is_elsewhere: bool) -> str:
    """Return the HTML of a page that has tokens of an asset; `site` is where that page finds this site."""
    options = [f"{name}: {presets.script_literal(value)}," for name, value in _options(definition).items()]
    if is_elsewhere:
        options.insert(0, 'credentials: "include",')
    lines = [
        *options,
        "onSignedOut() {",
        f"  // Nobody is signed in any more: show a link to {site}/login",
        "},",
        "onError(error) {",
        "  console.error(error.message, error.request);",
        "},",
    ]
    return "\n".join(
        [
            f'<script src="{site}/static/mintmark.js"></script>',
            '<script type="module">',
            f"  const tokens = mintmark({presets.script_literal(site + '/' + definition['path'])}, {{",
            *(f"    {line}" for line in lines),
            "  });",
            "  // At each use: it is a fresh one, also hours later.",
            "  const token = await tokens.get();",
            "</script>",
        ]
    )


def _options(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what mintmark.js has to know of an asset that is not as most are."""
    answer = definition["answer"]
    found: dict[str, Any] = {}
    if definition["params"]:
        found["params"] = {param["name"]: param.get("one_of", ["…"])[0] for param in definition["params"]}
    if "GET" not in answer["methods"]:
        found["method"] = "POST"
    if answer["form"] == "json":
        found["field"] = answer["field"]
    if definition["backdate"]:
        found["backdate"] = definition["backdate"]
    return found


def answer_shown(answer: dict[str, Any]) -> str:
    """Return the JSON that an asset answers with, the token cut short."""
    return json.dumps({answer["field"]: "eyJ…", **answer["beside"]}, ensure_ascii=False, indent=2)


def preset_code(preset: presets.Preset, definition: dict[str, Any], site_url: str) -> str:
    """Return the HTML of a page with a preset's snippet; nothing where the preset asks for more than was answered."""
    try:
        answers = presets.kept_answers(preset, definition.get("ask") or {})
    except FieldError:  # Another version of the preset: its answers are asked for when the asset is saved.
        return ""
    places = {
        "url": f"{site_url}/{definition['path']}",
        "script": f"{site_url}/static/mintmark.js",
    }
    snippet = presets.snippet_of(preset, answers, **places).strip()
    lines = ['<script type="module">', *(f"  {line}".rstrip() for line in snippet.splitlines()), "</script>"]
    if "mintmark(" in snippet:
        lines.insert(0, f'<script src="{site_url}/static/mintmark.js"></script>')
    return "\n".join(lines)


def is_under_a_path(settings: Settings) -> bool:
    """Tell whether the site is at a path of a web site's own origin already, and safely so."""
    return bool(settings.base_path) and settings.is_https


def proxy_example(name: str, settings: Settings) -> str:
    """Return a file of docs/ for a proxy, with the addresses of this site as far as there are any."""
    host, port = split_bind(settings.bind)
    known = {_PROXY_BIND: f"127.0.0.1:{port}" if is_every_address(host.strip("[]")) else settings.bind}
    if is_under_a_path(settings):
        parts = urlsplit(settings.site_url)
        known |= {
            f"https://{_PROXY_HOST}": f"https://{parts.netloc}",
            _PROXY_HOST: parts.hostname or "",
            _PROXY_PATH: parts.path,
            "listen 443 ": f"listen {parts.port or 443} ",
        }
    anything = "|".join(re.escape(text) for text in known)
    return re.sub(anything, lambda found: known[found[0]], _text_of(name)).strip()


@functools.cache
def _text_of(name: str) -> str:
    return (_DOCS / name).read_text("utf-8")


def site_of(origin: str, site_url: str) -> str:
    """Return of which site an origin is, as browsers see it: own, same, another, or the domain that decides it.

    Browsers compare scheme and registrable domain (RFC 6265bis §5.2). Which domains are registrable stands in a
    list that they have and we have not: of two names neither of which is within the other, it cannot be told.
    """
    theirs, ours = urlsplit(origin), urlsplit(site_url)
    if (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc):
        return "own"
    host, other = theirs.hostname or "", ours.hostname or ""
    if theirs.scheme != ours.scheme:
        return "another"
    if host == other:
        return "same"
    if _is_address(host) or _is_address(other):
        return "another"
    if host.endswith("." + other) or other.endswith("." + host):
        return "same"
    return _shared_domain(host, other) or "another"


def origin_of(address: str) -> str:
    """Return the origin of an address of ours."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _shared_domain(host: str, other: str) -> str:
    """Return the longest end that two names share, of at least two labels: example.org."""
    shared: list[str] = []
    for mine, yours in zip(reversed(host.split(".")), reversed(other.split(".")), strict=False):
        if mine != yours:
            break
        shared.insert(0, mine)
    return ".".join(shared) if len(shared) > 1 else ""
