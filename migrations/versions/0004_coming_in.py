"""Coming in: trusted issuers, OpenID providers, identities, spent tokens, and access tokens.

Revision: 0004
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    collation = None if op.get_bind().dialect.name == "sqlite" else "C"
    _add_sources(collation)
    _add_identities(collation)
    _add_access_tokens()
    op.add_column("session", sa.Column("source_id", sa.String(36)))
    op.add_column("session", sa.Column("expires_at", sa.BigInteger()))
    some = sa.text("source_id IS NOT NULL")
    op.create_index("ix_session_source", "session", ["source_id"], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "provider_session",
        sa.Column("id", sa.String(64), sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("provider_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_by", sa.String(40), nullable=False),
    )
    op.create_index("ix_provider_session_sealed_by", "provider_session", ["sealed_by"])


def _add_sources(collation):
    op.create_table(
        "trusted_issuer",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("issuer", sa.String(255, collation=collation), nullable=False, unique=True),
        sa.Column("name", sa.String(40, collation=collation), nullable=False, unique=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("sealed_by", sa.String(40)),
        sa.Column("fingerprint", sa.String(16)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revised_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_trusted_issuer_sealed_by", "trusted_issuer", ["sealed_by"])
    op.create_table(
        "issuer_key",
        sa.Column("issuer_id", sa.String(36), sa.ForeignKey("trusted_issuer.id"), primary_key=True),
        sa.Column("key_id", sa.String(128, collation=collation), primary_key=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("thumbprint", sa.String(43), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "openid_provider",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(40, collation=collation), nullable=False, unique=True),
        sa.Column("issuer", sa.String(255, collation=collation), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("sealed_by", sa.String(40)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revised_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_openid_provider_sealed_by", "openid_provider", ["sealed_by"])
    op.create_table(
        "fetched_document",
        sa.Column("url", sa.Text(collation=collation), primary_key=True),
        sa.Column("body", sa.JSON()),
        sa.Column("fetched_at", sa.BigInteger()),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text()),
    )


def _add_identities(collation):
    op.create_table(
        "identity",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(255, collation=collation), nullable=False),
        sa.Column("person_id", sa.String(36), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger()),
    )
    op.create_index("uq_identity_subject", "identity", ["source_id", "claim", "subject"], unique=True)
    op.create_index("ix_identity_person", "identity", ["person_id"])
    op.create_table(
        "spent_token",
        sa.Column("issuer", sa.String(255, collation=collation), primary_key=True),
        sa.Column("jti", sa.String(255, collation=collation), primary_key=True),
        sa.Column("spent_at", sa.BigInteger(), nullable=False),
        sa.Column("keep_until_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_spent_token_keep", "spent_token", ["keep_until_at"])
    op.create_table(
        "refused_token",
        sa.Column("request", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("transport", sa.String(10), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
    )
    op.create_index("ix_refused_token_at", "refused_token", ["at"])


def _add_access_tokens():
    op.create_table(
        "access_token",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("person_id", sa.String(36), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
    )
    op.create_index("ix_access_token_person_id", "access_token", ["person_id"])
    op.create_table(
        "access_token_asset",
        sa.Column("access_token_id", sa.String(36), sa.ForeignKey("access_token.id"), primary_key=True),
        sa.Column("asset_id", sa.String(36), sa.ForeignKey("asset.id"), primary_key=True),
    )
    op.create_index("ix_access_token_asset_asset", "access_token_asset", ["asset_id"])


def downgrade():
    _end_sessions_of_sources()
    op.drop_table("provider_session")
    op.drop_index("ix_session_source", table_name="session")
    for column in ("expires_at", "source_id"):
        op.execute(f"ALTER TABLE session DROP COLUMN {column}")
    for table in ("access_token_asset", "access_token", "refused_token", "spent_token", "identity", "fetched_document",
                  "openid_provider", "issuer_key", "trusted_issuer"):  # fmt: skip
        op.drop_table(table)


def _end_sessions_of_sources():
    """Without these columns they would last longer than was said, and nobody could end them by who began them."""
    those = "ended_at IS NULL AND (source_id IS NOT NULL OR expires_at IS NOT NULL)"
    op.execute(f"UPDATE session SET ended_at = {int(time.time())} WHERE {those}")
