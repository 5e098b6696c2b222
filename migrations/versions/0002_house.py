"""The administrator's house: search words, former paths, counts, password links, erased people, findings.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

from mintmark.search import ASSET, PERSON, words_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CHUNK = 1000


def upgrade():
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    collation = None if is_sqlite else "C"
    _add_tables(collation)
    if not is_sqlite:
        op.execute('ALTER TABLE asset ALTER COLUMN path TYPE VARCHAR(255) COLLATE "C"')
    op.add_column("asset", sa.Column("lifetime", sa.BigInteger()))
    op.add_column("asset", sa.Column("weak", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("asset", sa.Column("fingerprint", sa.String(16), nullable=False, server_default=""))
    op.add_column("asset", sa.Column("unseen_since", sa.BigInteger()))
    op.add_column("asset", sa.Column("examined_at", sa.BigInteger()))
    op.add_column("asset", sa.Column("failing", sa.BigInteger()))
    op.add_column("asset", sa.Column("findings", sa.JSON()))
    op.add_column("person", sa.Column("erased_at", sa.BigInteger()))
    op.add_column("site", sa.Column("counted_log_id", sa.BigInteger(), nullable=False, server_default="0"))
    _repeat_revisions(connection, is_sqlite)
    _index_words(connection)
    _add_indexes()


def _add_tables(collation):
    op.create_table(
        "search_word",
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("word", sa.String(60, collation=collation), primary_key=True),
        sa.Column("label", sa.Text(collation=collation), primary_key=True),
        sa.Column("entry_id", sa.String(36), primary_key=True),
    )
    op.create_index("ix_search_word_entry", "search_word", ["entry_id", "kind", "word"])
    op.create_table(
        "token_count",
        sa.Column("asset", sa.String(36), primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True),
        sa.Column("outcome", sa.String(10), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_token_count_at", "token_count", ["at", "outcome", "amount", "asset"])
    op.create_table(
        "former_path",
        sa.Column("path", sa.String(255, collation=collation), primary_key=True),
        sa.Column("asset_id", sa.String(36), sa.ForeignKey("asset.id"), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("answers_until", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_former_path_asset_id", "former_path", ["asset_id"])
    op.create_table(
        "password_link",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(36), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_password_link_person_id", "password_link", ["person_id"])


def _repeat_revisions(connection, is_sqlite):
    lifetime = "json_extract(r.definition, '$.lifetime')" if is_sqlite else "(r.definition->>'lifetime')::bigint"
    of_current = "FROM revision r JOIN secret s ON s.id = r.secret_id WHERE r.asset_id = asset.id AND r.number = asset.revision"
    for column, value in (("lifetime", lifetime), ("weak", "s.weak"), ("fingerprint", "s.fingerprint")):
        connection.exec_driver_sql(f"UPDATE asset SET {column} = (SELECT {value} {of_current})")


def _index_words(connection):
    table = sa.table("search_word", *(sa.column(name) for name in ("kind", "word", "label", "entry_id")))
    for kind, statement in (
        (ASSET, "SELECT id, path AS label, path, name FROM asset WHERE id > :after ORDER BY id LIMIT :chunk"),
        (PERSON, "SELECT id, username_key AS label, username, email, first_name, last_name, display_name FROM person WHERE id > :after ORDER BY id LIMIT :chunk"),
    ):
        after = ""
        while rows := connection.execute(sa.text(statement), {"after": after, "chunk": _CHUNK}).all():
            words = [{"kind": kind, "word": word, "label": label, "entry_id": entry_id}
                     for entry_id, label, *texts in rows for word in words_of(texts)]
            if words:
                connection.execute(sa.insert(table), words)
            after = rows[-1][0]


def _add_indexes():
    for name, table, columns, on_sqlite, on_postgresql in (
        ("ix_asset_off", "asset", ["path"], "live = 0 AND trashed_at IS NULL", "NOT live AND trashed_at IS NULL"),
        ("ix_asset_trash", "asset", ["trashed_at"], "trashed_at IS NOT NULL", None),
        ("ix_asset_endless", "asset", ["path"], "lifetime IS NULL AND trashed_at IS NULL", None),
        ("ix_asset_weak", "asset", ["path"], "weak = 1 AND trashed_at IS NULL", "weak AND trashed_at IS NULL"),
        ("ix_asset_failing", "asset", ["path"], "failing > 0 AND trashed_at IS NULL", None),
        ("ix_asset_unseen", "asset", ["path"], "unseen_since IS NOT NULL AND trashed_at IS NULL", None),
        ("ix_asset_fingerprint", "asset", ["fingerprint"], "trashed_at IS NULL", None),
        ("ix_person_off", "person", ["username_key"], "live = 0 AND erased_at IS NULL", "NOT live AND erased_at IS NULL"),
        ("ix_person_administrators", "person", ["username_key"], "is_admin = 1", "is_admin"),
        ("ix_person_erased", "person", ["username_key"], "erased_at IS NOT NULL", None),
        ("ix_log_event", "log", ["event", "id"], "event <> 'token.issued'", None),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(on_sqlite), postgresql_where=sa.text(on_postgresql or on_sqlite))
    op.create_index("ix_log_at", "log", ["at"])
    op.create_index("ix_log_asset", "log", ["asset", "id"])
    op.create_index("ix_log_person", "log", ["person", "id"])


def downgrade():
    for name, table in (
        ("ix_log_person", "log"), ("ix_log_asset", "log"), ("ix_log_at", "log"), ("ix_log_event", "log"),
        ("ix_person_erased", "person"), ("ix_person_administrators", "person"), ("ix_person_off", "person"),
        ("ix_asset_fingerprint", "asset"), ("ix_asset_unseen", "asset"), ("ix_asset_failing", "asset"),
        ("ix_asset_weak", "asset"), ("ix_asset_endless", "asset"), ("ix_asset_trash", "asset"), ("ix_asset_off", "asset"),
    ):
        op.drop_index(name, table_name=table)
    for table, names in (
        ("site", ["counted_log_id"]), ("person", ["erased_at"]),
        ("asset", ["findings", "failing", "examined_at", "unseen_since", "fingerprint", "weak", "lifetime"]),
    ):
        for name in names:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    for table in ("password_link", "former_path", "token_count", "search_word"):
        op.drop_table(table)
