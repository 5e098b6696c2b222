"""Groups after a restore: who left one since leaves it again, and one that was taken away is empty at least."""

from collections.abc import Sequence

from mintmark import groups
from mintmark.errors import FieldError
from mintmark.log import Occasion
from mintmark.models import Group, db
from mintmark.restoring.log_files import Row
from mintmark.restoring.report import Report

_BATCH = 1_000


def take_away_again(rows: Sequence[Row], report: Report, *, by: Occasion) -> None:
    """Take groups away that were taken away since, once nothing names them; else only their people."""
    for row in rows:
        group = db.session.get(Group, str(row.detail.get("group"))) if row.event == "group.removed" else None
        if group is None:
            continue
        while groups.empty_some(group, most=_BATCH):
            pass
        try:
            name = group.name
            groups.remove(group, by=by)
            report.taken.append(f"group {name}: removed")
        except FieldError as error:
            report.look.append(f"group {group.name}: removed since; it is emptied, and stays, for it {error}")
