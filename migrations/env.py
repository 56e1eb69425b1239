"""Runs the migrations as the owner role: once at a time, and never waiting long for a lock."""

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.database.base import Base

# Any constant serves; two releases must use the same one.
ADVISORY_LOCK = 5_105_000
TIMEOUTS = "-c lock_timeout=4s -c statement_timeout=60s"


def run() -> None:
    url = current_app.config["DATABASE_OWNER_URL"]
    if not url:
        raise SystemExit("FIVEBOX_DATABASE_OWNER_URL: needed for migrations")
    engine = create_engine(url, poolclass=NullPool, connect_args={"options": TIMEOUTS})
    with engine.connect() as connection:
        # Waits for another migration; that wait is not to be cut short by the time-outs.
        connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("RESET lock_timeout; RESET statement_timeout"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=Base.metadata, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()


def show() -> None:
    context.configure(url="postgresql+psycopg://", dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        # As TIMEOUTS; printed, so that the SQL can be run, and linted, as it stands.
        context.execute("SET lock_timeout = '4s'")
        context.execute("SET statement_timeout = '60s'")
        context.run_migrations()


if context.is_offline_mode():
    show()
else:
    run()
