"""Assets after a restore: those that were trashed or purged since are so again, and nobody fetches more than was left.

The log says who may fetch and edit, and of the other fields only which were changed. One that may have shut somebody
out, or kept something in, switches the asset off until an administrator has looked.
"""

from collections.abc import Sequence
from typing import Any

from mintmark.assets import save, trash
from mintmark.log import Occasion
from mintmark.models import Asset, Group, db
from mintmark.models.base import find_by_id
from mintmark.restoring.group_names import GroupNames
from mintmark.restoring.log_files import Row
from mintmark.restoring.report import Report
from mintmark.sealing import Sealer

_WHO = ("readers", "editors")
_HARMLESS = frozenset({*_WHO, "name", "path", "former_paths", "preset", "ask", "contract", "backdate"})


def take_away_again(rows: Sequence[Row], report: Report, *, sealer: Sealer, by: Occasion) -> None:
    """Take away assets, and from those who fetch and edit them, what was taken away since."""
    names = GroupNames()
    of_assets: dict[str, list[Row]] = {}
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        names.follow(row)
        if row.asset is not None:
            of_assets.setdefault(row.asset, []).append(row)
            told.setdefault(row.asset, {}).update(_who_of(row, names))
    for asset_id, own in of_assets.items():
        asset = find_by_id(Asset, asset_id, is_locked=True)
        if asset is not None and not _take_away(asset, own, report, by) and asset.trashed_at is None:
            _narrow(asset, own, told[asset_id], report, sealer, by)


def _who_of(row: Row, names: GroupNames) -> dict[str, Any]:
    """Return who may fetch and edit from then on, as ids or `everyone`, where a row says so."""
    given = {name: row.detail[name] for name in _WHO if name in row.detail and row.event == "asset.revised"}
    return {name: value if value == "everyone" else names.ids_of(value) for name, value in given.items()}


def _take_away(asset: Asset, own: Sequence[Row], report: Report, by: Occasion) -> bool:
    """Trash or purge an asset; tell whether that was to be done."""
    last = next((row.event for row in reversed(own) if row.event in ("asset.trashed", "asset.restored")), None)
    is_purged = any(row.event == "asset.purged" for row in own)
    if not is_purged and last != "asset.trashed":
        return False
    path, was_there = asset.path, asset.trashed_at is None
    if was_there:
        trash.trash(asset, by=by)
    if is_purged:
        trash.purge(asset, by=by)
    if was_there or is_purged:
        report.taken.append(f"asset {path}: {'purged' if is_purged else 'in the trash'}")
    return True


def _narrow(
    asset: Asset, own: Sequence[Row], told: dict[str, Any], report: Report, sealer: Sealer, by: Occasion
) -> None:
    definition = dict(save.current_revision(asset).definition)
    narrower = {name: _fewer(definition[name], value) for name, value in told.items()}
    narrower = {name: value for name, value in narrower.items() if value != definition[name]}
    fields = sorted({name for row in own if row.event == "asset.revised" for name in row.fields} - _HARMLESS)
    is_switched_off = bool(fields) and definition["live"]
    if narrower or is_switched_off:
        changed = {**definition, **narrower, "live": definition["live"] and not fields}
        save.revise(asset, changed, None, sealer=sealer, by=by)
    for name, value in narrower.items():
        who = ", ".join(_names_of(value)) or "nobody"
        report.taken.append(f"asset {asset.path}: {name} are {who}")
    if fields:
        words = "switched off" if is_switched_off else "switched off already"
        report.look.append(
            f"asset {asset.path}: {words}, for since the backup it was changed in {', '.join(fields)};"
            " make it so again, then switch it on"
        )


def _fewer(present: Any, told: Any) -> Any:
    """Return those groups of the backup that are left; everyone is left only where the log says everyone."""
    if told == "everyone":
        return present
    there = [each for each in told if db.session.get(Group, each) is not None]
    return sorted(there if present == "everyone" else set(present) & set(there))


def _names_of(group_ids: Sequence[str]) -> list[str]:
    return sorted(group.name for each in group_ids if (group := db.session.get(Group, each)) is not None)
