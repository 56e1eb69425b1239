"""Who a transaction acts for: row-level security reads it from two transaction settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import g, has_app_context
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

from app.extensions import db

_SET_IDENTITY = "SELECT set_config('app.user_id', %s, true), set_config('app.scope', %s, true)"


@dataclass(frozen=True)
class Identity:
    """The user a transaction acts for; a `scope` opens more, as `act_as` tells."""

    user_id: UUID | None = None
    scope: str = ""


def act_as(user_id: UUID | None, *, scope: str = "") -> None:
    """Let this request's (or command's) transactions see the rows of one user only.

    Takes effect at once in an open transaction and at the start of later ones.

    Args:
        user_id: the user, or None for nobody.
        scope: "accounts" lets log-in, refresh and registration find any account; "admin" lets an
            administrator read all audit events; "analytics" opens the views of that schema;
            "content" lets it write public content; else "".
    """
    g.identity = Identity(user_id, scope)
    if db.session().in_transaction():
        _set_identity(db.session.connection())


@contextmanager
def in_scope(scope: str) -> Iterator[None]:
    """Open a scope to some statements, beside what the transaction may see already."""
    before = _identity()
    act_as(before.user_id, scope=scope)
    yield
    act_as(before.user_id, scope=before.scope)


def _identity() -> Identity:
    return g.get("identity", Identity()) if has_app_context() else Identity()


def _set_identity(connection: Connection) -> None:
    identity = _identity()
    user_id = "" if identity.user_id is None else str(identity.user_id)
    connection.exec_driver_sql(_SET_IDENTITY, (user_id, identity.scope))


@event.listens_for(Session, "after_begin")
def _carry_identity(_session: Session, _begun: SessionTransaction, connection: Connection) -> None:
    _set_identity(connection)


# A host whose power is cut says nothing: a connection to it ends within eight seconds, in good time
# before another host of a cluster takes over. In seconds; tcp_user_timeout in milliseconds.
_DEAD_HOST = {
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


def engine_options(pool_size: int, timeout_ms: int) -> dict[str, Any]:
    """Options of the connection pool.

    Args:
        pool_size: connections kept; there is no overflow above them.
        timeout_ms: limit of one statement, in milliseconds.
    """
    settings = (
        f"-c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms} "
        f"-c idle_in_transaction_session_timeout={2 * timeout_ms}"
    )
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 5,
        # A restarted server leaves dead connections in the pool; the ping replaces them.
        "pool_pre_ping": True,
        # An error's text goes to the log; the values in it are private.
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": 3,
            "application_name": "fivebox",
            "options": settings,
            **_DEAD_HOST,
        },
    }
