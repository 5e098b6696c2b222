"""The log is indexed by parts, so that a row of a token adds to what was added last, however long the log is.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PART = sa.text("(id / 8192)")
_HAS_KID = sa.text("kid IS NOT NULL")


def upgrade():
    for name in ("person", "asset"):
        op.drop_index(f"ix_log_{name}", table_name="log")
        op.create_index(f"ix_log_part_{name}", "log", [_PART, name, "id"])
    op.create_index("ix_log_part_kid", "log", [_PART, "kid", "id"], sqlite_where=_HAS_KID, postgresql_where=_HAS_KID)


def downgrade():
    op.drop_index("ix_log_part_kid", table_name="log")
    for name in ("asset", "person"):
        op.drop_index(f"ix_log_part_{name}", table_name="log")
        op.create_index(f"ix_log_{name}", "log", [name, "id"])
