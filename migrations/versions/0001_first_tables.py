"""The tables of the first issue: people, assets, sessions, log.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('asset',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('live', sa.Boolean(), nullable=False),
    sa.Column('for_everyone', sa.Boolean(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('trashed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('uq_asset_path', 'asset', ['path'], unique=True, sqlite_where=sa.text('trashed_at IS NULL'), postgresql_where=sa.text('trashed_at IS NULL'))
    op.create_table('attempt',
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('window_at', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('key', 'window_at')
    )
    op.create_index('ix_attempt_window', 'attempt', ['window_at'], unique=False)
    op.create_table('attribute',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('type', sa.String(length=10), nullable=False),
    sa.Column('sensitive', sa.Boolean(), nullable=False),
    sa.Column('changed_by', sa.String(length=20), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('log',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('event', sa.String(length=60), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('person', sa.String(length=36), nullable=True),
    sa.Column('asset', sa.String(length=36), nullable=True),
    sa.Column('revision', sa.BigInteger(), nullable=True),
    sa.Column('issuer', sa.Text(), nullable=True),
    sa.Column('request', sa.String(length=32), nullable=True),
    sa.Column('jti', sa.String(length=255), nullable=True),
    sa.Column('kid', sa.Text(), nullable=True),
    sa.Column('sub', sa.Text(), nullable=True),
    sa.Column('code', sa.String(length=60), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sqlite_autoincrement=True
    )
    op.create_index('ix_log_request', 'log', ['request'], unique=False, sqlite_where=sa.text("outcome <> 'done'"), postgresql_where=sa.text("outcome <> 'done'"))
    op.create_table('people_group',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_key', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name_key')
    )
    op.create_table('person',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.Column('username_key', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('display_name', sa.Text(), nullable=True),
    sa.Column('is_admin', sa.Boolean(), nullable=False),
    sa.Column('live', sa.Boolean(), nullable=False),
    sa.Column('roles', sa.JSON(), nullable=False),
    sa.Column('permissions', sa.JSON(), nullable=False),
    sa.Column('attributes', sa.JSON(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('username_key')
    )
    op.create_index('ix_person_admin', 'person', ['id'], unique=False, sqlite_where=sa.text('is_admin = 1'), postgresql_where=sa.text('is_admin'))
    op.create_table('site',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('key', sa.String(length=36), nullable=False),
    sa.Column('sealed_check', sa.LargeBinary(), nullable=False),
    sa.Column('attributes_revision', sa.BigInteger(), nullable=False),
    sa.Column('set_up_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('access',
    sa.Column('asset_id', sa.String(length=36), nullable=False),
    sa.Column('group_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=6), nullable=False),
    sa.ForeignKeyConstraint(['asset_id'], ['asset.id'], ),
    sa.ForeignKeyConstraint(['group_id'], ['people_group.id'], ),
    sa.PrimaryKeyConstraint('asset_id', 'group_id', 'kind')
    )
    op.create_index('ix_access_group', 'access', ['group_id', 'asset_id'], unique=False)
    op.create_table('membership',
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('group_id', sa.String(length=36), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['people_group.id'], ),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], ),
    sa.PrimaryKeyConstraint('person_id', 'group_id')
    )
    op.create_index('ix_membership_group', 'membership', ['group_id', 'person_id'], unique=False)
    op.create_table('secret',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('asset_id', sa.String(length=36), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('fingerprint', sa.String(length=16), nullable=False),
    sa.Column('weak', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['asset_id'], ['asset.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_secret_asset_id'), 'secret', ['asset_id'], unique=False)
    op.create_index(op.f('ix_secret_fingerprint'), 'secret', ['fingerprint'], unique=False)
    op.create_table('session',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('signed_in_at', sa.BigInteger(), nullable=False),
    sa.Column('last_used_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('device', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_session_person_id'), 'session', ['person_id'], unique=False)
    op.create_table('revision',
    sa.Column('asset_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('secret_id', sa.String(length=36), nullable=False),
    sa.ForeignKeyConstraint(['asset_id'], ['asset.id'], ),
    sa.ForeignKeyConstraint(['secret_id'], ['secret.id'], ),
    sa.PrimaryKeyConstraint('asset_id', 'number')
    )


def downgrade():
    for table in (
        "revision", "session", "secret", "membership", "access", "site", "person", "people_group", "log",
        "attribute", "attempt", "asset",
    ):
        op.drop_table(table)
