"""Signing keys with their moments, secrets that overlap, and by which sealing key each is sealed.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CHUNK = 1000
_INDEXES = (
    ("ix_asset_ring", "asset", "ring_id"),
    ("ix_revision_ring", "revision", "ring_id"),
    ("ix_revision_former_ring", "revision", "former_ring_id"),
)
_MOMENTS = "published_at signs_from_at retired_at gone_at revoked_at due_at needed_until_at".split()


def upgrade():
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    _add_keys(None if is_sqlite else "C")
    op.add_column("secret", sa.Column("sealed_by", sa.String(40), nullable=False, server_default=""))
    op.add_column("secret", sa.Column("kid", sa.Text()))
    op.add_column("asset", sa.Column("ring_id", sa.String(36)))
    op.add_column("asset", sa.Column("audience", sa.JSON()))
    _change_revisions(is_sqlite)
    _say_who_sealed(connection)
    op.create_index("ix_secret_sealed_by", "secret", ["sealed_by"])
    for name, table, column in _INDEXES:
        some = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, table, [column], sqlite_where=some, postgresql_where=some)


def _add_keys(collation):
    op.create_table(
        "key_ring",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("algorithm", sa.String(10), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("apart_until_at", sa.BigInteger()),
        sa.Column("left", sa.JSON()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("ring_id", sa.String(36), sa.ForeignKey("key_ring.id"), nullable=False),
        sa.Column("algorithm", sa.String(10), nullable=False),
        sa.Column("key_id", sa.String(128, collation=collation), nullable=False, unique=True),
        sa.Column("thumbprint", sa.String(43), nullable=False, unique=True),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("sealed_by", sa.String(40)),
        sa.Column("is_brought", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=name not in ("published_at", "signs_from_at")) for name in _MOMENTS),
    )
    op.create_index("ix_signing_key_ring_id", "signing_key", ["ring_id"])
    op.create_index("ix_signing_key_sealed_by", "signing_key", ["sealed_by"])


def _change_revisions(is_sqlite):
    with op.batch_alter_table("revision") as revisions:
        revisions.alter_column("secret_id", existing_type=sa.String(36), nullable=True)
        revisions.add_column(sa.Column("lifetime", sa.BigInteger()))
        revisions.add_column(sa.Column("next_secret_id", sa.String(36)))
        revisions.add_column(sa.Column("next_from_at", sa.BigInteger()))
        revisions.add_column(sa.Column("ring_id", sa.String(36)))
        revisions.add_column(sa.Column("former_ring_id", sa.String(36)))
        revisions.add_column(sa.Column("former_until_at", sa.BigInteger()))
        for column, table in (("next_secret_id", "secret"), ("ring_id", "key_ring"), ("former_ring_id", "key_ring")):
            revisions.create_foreign_key(f"fk_revision_{column}", table, [column], ["id"])
    lifetime = "json_extract(definition, '$.lifetime')" if is_sqlite else "(definition->>'lifetime')::bigint"
    op.execute(f"UPDATE revision SET lifetime = {lifetime}")


def _say_who_sealed(connection):
    """A sealed value begins with a byte for its kind, one for the length of the key's id, and that id."""
    secret = sa.table("secret", *(sa.column(name) for name in ("id", "sealed", "sealed_by")))
    after = ""
    while rows := connection.execute(
        sa.select(secret.c.id, secret.c.sealed).where(secret.c.id > after).order_by(secret.c.id).limit(_CHUNK)
    ).all():
        found = [{"row": row_id, "by": bytes(sealed[2 : 2 + sealed[1]]).decode("ascii", "replace")[:40]} for row_id, sealed in rows if len(sealed) > 1]
        if found:
            statement = sa.update(secret).where(secret.c.id == sa.bindparam("row")).values(sealed_by=sa.bindparam("by"))
            connection.execute(statement, found)
        after = rows[-1][0]


def downgrade():
    """Assets that sign with a key cannot stay."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)
    op.drop_index("ix_secret_sealed_by", table_name="secret")
    op.execute("CREATE TEMPORARY TABLE of_keys AS SELECT DISTINCT asset_id FROM revision WHERE secret_id IS NULL")
    of_keys = "(SELECT asset_id FROM of_keys)"
    for table in ("access", "former_path", "revision", "secret"):
        op.execute(f"DELETE FROM {table} WHERE asset_id IN {of_keys}")
    op.execute(f"DELETE FROM search_word WHERE entry_id IN {of_keys}")
    op.execute(f"DELETE FROM asset WHERE id IN {of_keys}")
    op.execute("DROP TABLE of_keys")
    with op.batch_alter_table("revision") as revisions:
        for column in ("next_secret_id", "ring_id", "former_ring_id"):
            revisions.drop_constraint(f"fk_revision_{column}", type_="foreignkey")
        for column in ("former_until_at", "former_ring_id", "ring_id", "next_from_at", "next_secret_id", "lifetime"):
            revisions.drop_column(column)
        revisions.alter_column("secret_id", existing_type=sa.String(36), nullable=False)
    for table, columns in (("secret", ("kid", "sealed_by")), ("asset", ("ring_id", "audience"))):
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.drop_table("signing_key")
    op.drop_table("key_ring")
