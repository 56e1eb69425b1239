"""Who a transaction acts for: row-level security reads it from two transaction settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from flask import g, has_app_context
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.extensions import db

_SET_IDENTITY = "SELECT set_config('app.user_id', %s, true), set_config('app.scope', %s, true)"
# Neither has a character to quote: one is a UUID, the other a word of ours.
_BEGIN = "BEGIN; " + _SET_IDENTITY.replace("%s", "'{}'")


@dataclass(frozen=True)
class Identity:
    """The user a transaction acts for; a `scope` opens more, as `act_as` tells."""

    user_id: UUID | None = None
    scope: str = ""

    @property
    def settings(self) -> tuple[str, str]:
        """Values of `app.user_id` and `app.scope`."""
        return "" if self.user_id is None else str(self.user_id), self.scope


def act_as(user_id: UUID | None, *, scope: str = "") -> None:
    """Let this request's (or command's) transactions see the rows of one user only.

    Takes effect at once in an open transaction and at the start of later ones.

    Args:
        user_id: the user, or None for nobody.
        scope: "accounts" lets log-in, refresh and registration find any account; "admin" lets an
            administrator read all audit events; "analytics" opens the views of that schema;
            "content" lets it write public content; "moderation" lets an administrator find whose a
            public review is, and what was reported; else "".
    """
    g.identity = Identity(user_id, scope)
    if db.session().in_transaction():
        _set_identity(db.session.connection())


@contextmanager
def in_scope(scope: str) -> Iterator[None]:
    """Open a scope to some statements, beside what the transaction may see already."""
    before = _identity()
    act_as(before.user_id, scope=scope)
    try:
        yield
    finally:
        g.identity = before
        if _takes_statements():
            _set_identity(db.session.connection())


def _takes_statements() -> bool:
    # A transaction that failed can only be rolled back; the next one begins as `g.identity` says.
    session = db.session()
    if not session.in_transaction() or not session.is_active:
        return False
    connection = session.connection()
    if connection.invalidated:
        return False
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.transaction_status == TransactionStatus.INTRANS)


def _identity() -> Identity:
    return g.get("identity", Identity()) if has_app_context() else Identity()


def _set_identity(connection: Connection) -> None:
    connection.exec_driver_sql(_SET_IDENTITY, _identity().settings)


def carry_identity(connection: Connection) -> None:
    """Begin a transaction that carries who it acts for; for the engine's event `begin`.

    Raises:
        OperationalError: the database is not there any more.
    """
    driver: Any = connection.connection.driver_connection
    try:
        # One round trip; psycopg would send a BEGIN of its own, which the engine keeps it from.
        driver.run(_BEGIN.format(*_identity().settings))
    except psycopg.OperationalError as error:
        raise OperationalError("BEGIN", None, error, hide_parameters=True) from error
