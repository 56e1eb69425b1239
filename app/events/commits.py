"""Every commit that changed a user's rows, or logged devices out, is published, once.

The database notes both in settings of the transaction (triggers `tell_revision` and
`tell_revocation`), whatever way the statements came. They are read in the round trip of the COMMIT
itself; a rollback, also one to a savepoint, forgets them.
"""

from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
from apiflask import APIFlask
from psycopg.pq import TransactionStatus
from sqlalchemy import event

from app.database.connection import Connection
from app.events.channel import Change, Revocation
from app.events.publisher import Publisher
from app.extensions import db
from app.settings import Settings

# Without parameters a text is sent as it is, so that it may hold two statements.
_COMMIT = (
    "SELECT current_setting('app.revision', true), current_setting('app.revoked', true); COMMIT"
)


class PublishingConnection(Connection):
    """A connection to the database whose commits are published."""

    publisher: Publisher

    def commit(self) -> None:
        """Commit, and publish what the transaction noted.

        Raises:
            psycopg.Error: as the plain commit; then nothing is published.
        """
        last = self.take_last()
        if self.info.transaction_status != TransactionStatus.INTRANS:
            super().commit()
            return
        try:
            told = self.execute("; ".join([*last, _COMMIT]).encode()).set_result(-2)
        except psycopg.Error:
            # SQLAlchemy takes it for a COMMIT that failed, which ends a transaction all the same.
            with suppress(psycopg.Error):
                self.rollback()
            raise
        revision, revoked = told.fetchall()[0]
        if revision:
            user_id, _, rev = revision.partition(" ")
            self.publisher.publish(Change(user_id, int(rev)))
        if revoked:
            self.publisher.publish(Revocation(tuple(revoked.split())))


def init_app(app: APIFlask, settings: Settings) -> None:
    """Publish the commits of an app's database."""
    publisher = Publisher(settings.redis_url, settings.access_token_minutes * 60)
    other = settings.database_other_password
    with app.app_context():
        event.listen(
            db.engine,
            "do_connect",
            partial(_connect, publisher, other.get_secret_value() if other else None),
        )


def _connect(
    publisher: Publisher,
    other_password: str | None,
    _dialect: Any,
    _record: Any,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> PublishingConnection:
    try:
        connection = PublishingConnection.connect(*arguments, **options)
    except psycopg.OperationalError:
        # While the password is being changed, the URL's may be refused.
        if other_password is None:
            raise
        options = {**options, "password": other_password}
        connection = PublishingConnection.connect(*arguments, **options)
    connection.publisher = publisher
    return connection
