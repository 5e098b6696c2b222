"""Alembic's entry: one connection, handed over by mintmark.database, in one transaction.

It configures no logging, so that the site's own stays as it is.
"""

from alembic import context

from mintmark.models import db

connection = context.config.attributes.get("connection")


def run(connection):
    """Run the migrations on a connection whose transaction the caller commits."""
    context.configure(connection=connection, target_metadata=db.metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


if connection is not None:
    run(connection)
else:  # `flask --app app db …`, for developers.
    with db.engine.connect().execution_options(mintmark_immediate=True) as own:
        run(own)
        own.commit()
