"""Doing it again: whether `after-restore` ran here already, and nothing was written since.

It may be repeated at once, with a better log, say; once people are in, it is no repetition but signs them out.
"""

import json
from typing import Any

from sqlalchemy import select

from mintmark import copies
from mintmark.models import LogRow, db


def find_last_run() -> dict[str, Any] | None:
    """Return what the log says of the `after-restore` that wrote its last row in this database, None for another row.

    A backup that was made right behind one has such a row too; it is a copy, and nothing was done about that yet.
    """
    row = db.session.scalar(select(LogRow).order_by(LogRow.id.desc()).limit(1))
    if row is None or row.event != "site.restored" or copies.is_copy(db.session.connection()):
        return None
    detail: dict[str, Any] = json.loads(row.detail or "{}")
    return None if "moved" in detail else detail
