"""The one row of the site itself."""

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import db


class Site(db.Model):  # type: ignore[name-defined,misc]
    """What there is once.

    `sealed_check` opens with the right sealing key only. `attributes_revision` counts changes
    of the declared attributes, so that prepared templates are checked anew. `set_up_at` is
    when the first administrator was made; until then the one-time link works. `counted_log_id`
    is the last log row that stands in the counts of tokens. `restored_at` is since when the site
    goes on from a backup, `place` where its database is, so that a copy is known (mintmark/copies.py).
    """

    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(36))
    sealed_check: Mapped[bytes] = mapped_column(LargeBinary)
    attributes_revision: Mapped[int] = mapped_column(default=0)
    set_up_at: Mapped[int | None]
    counted_log_id: Mapped[int] = mapped_column(default=0)
    restored_at: Mapped[int | None]
    place: Mapped[str | None] = mapped_column(String(80))
