"""Assets: the tree by path, what a word finds, and lists of those that need somebody's eye.

Rule: whoever edits some asset sees here what they edit, an administrator everything. Each list is
read in pages, and costs the same number of queries whatever there is.
"""

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, render_template, url_for
from flask_login import current_user

from mintmark.assets import listing, picks, tree
from mintmark.assets.reach import Reach, reach_of
from mintmark.models import Asset
from mintmark.paths import is_path
from mintmark.readers import readers_in_words
from mintmark.web.keyset import asked
from mintmark.web.rights import may_administer

bp = Blueprint("assets", __name__, url_prefix="/admin/assets")
# show → label; in the words of the page, in its order.
LISTS = {
    "failing": "Failing",
    "unseen": "Saved by editors",
    "endless": "Never expires",
    "weak": "Weak secret",
    "shared": "Shared secret",
    "off": "Switched off",
    "trash": "Trash",
}
_FOR_ADMINISTRATORS = ("unseen", "shared", "trash")  # What these tell is not an editor's.


@dataclass(slots=True)
class Shown:
    """One page of a list: its lines, and what the next page begins behind."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    after: str | None = None


@bp.get("")
def assets() -> str:
    """Show one level of the tree, or a list."""
    reach = reach_of(current_user.person)
    lists = {name: label for name, label in LISTS.items() if may_administer() or name not in _FOR_ADMINISTRATORS}
    chosen: dict[str, Any] = _chosen(lists)
    after = asked("after")
    if q := chosen.get("q"):
        shown = _listed(*picks.find(q, after, reach))
    elif show := chosen.get("show"):
        shown = _listed(*picks.pick(show, after, reach))
    else:
        shown = _level(reach, chosen.get("under", ""), after)
    return render_template(
        "admin/assets.html",
        asked=chosen,
        lists=lists,
        lines=shown.lines,
        most=tree.MOST,
        first_url=url_for("assets.assets", **chosen) if after else None,
        next_url=url_for("assets.assets", **chosen, after=shown.after) if shown.after else None,
    )


def _chosen(lists: dict[str, str]) -> dict[str, str]:
    """Return what the list is narrowed by: words, or one of the lists, or a path; nothing is the top of the tree."""
    q, show, under = asked("q").strip()[:200], asked("show"), asked("under")
    if q:
        return {"q": q}
    if show in lists:
        return {"show": show}
    return {"under": under} if is_path(under) else {}


def _level(reach: Reach, under: str, after: str) -> Shown:
    """Return a page of one level of the tree: folders, and assets with all that a line says."""
    entries, has_more = tree.level(reach, under, after)
    paths = [entry.path for entry in entries if not entry.is_folder]
    kept = (Asset.path.in_(paths), Asset.trashed_at.is_(None))
    rows = {row.asset.path: _line(row) for row in listing.rows(kept[0] & kept[1])}
    lines = [
        {"folder": entry.path, "amount": entry.amount} if entry.is_folder else rows[entry.path]
        for entry in entries
        if entry.is_folder or entry.path in rows
    ]
    return Shown(lines, entries[-1].place if has_more else None)


def _listed(ids: list[str], place: str | None) -> Shown:
    """Return a page of a flat list, in the order of its ids."""
    rows = {row.asset.id: _line(row) for row in listing.rows(Asset.id.in_(ids))}
    return Shown([rows[asset_id] for asset_id in ids if asset_id in rows], place)


def _line(row: listing.Row) -> dict[str, Any]:
    return {"asset": row.asset, "saved_at": row.saved_at, "who": readers_in_words(row.access, row.group_names)}
