"""Restoring: since when the site goes on from a backup, and how a copy of its database is known.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("site", sa.Column("restored_at", sa.BigInteger()))
    op.add_column("site", sa.Column("place", sa.String(80)))


def downgrade():
    for column in ("place", "restored_at"):
        op.execute(f"ALTER TABLE site DROP COLUMN {column}")
