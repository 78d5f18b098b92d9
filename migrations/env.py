"""Runs migrations as the owner, one transaction a migration, never waiting long for a lock."""

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from portal.models import metadata

LOCK_TIMEOUT = "5s"


def run_migrations() -> None:
    """Upgrade (or print) with the owner's connection."""
    engine = create_engine(current_app.extensions["database_urls"].owner, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run_migrations()
