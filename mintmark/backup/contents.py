"""What a backup holds, counted in the very snapshot that is copied."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from mintmark.models import Asset, LogRow, Person


@dataclass(frozen=True, slots=True)
class Contents:
    """How many there are of what people know, and the last row of the log (0: none) with its moment in milliseconds."""

    assets: int
    people: int
    log_rows: int
    last_id: int
    last_at: int | None


def count(connection: Connection) -> Contents:
    """Count in the transaction of a connection."""
    last = connection.execute(select(LogRow.id, LogRow.at).order_by(LogRow.id.desc()).limit(1)).first()
    amounts = [connection.scalar(select(func.count()).select_from(kind)) or 0 for kind in (Asset, Person, LogRow)]
    return Contents(*amounts, *(last or (0, None)))
