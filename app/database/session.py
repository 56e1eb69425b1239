"""Who a transaction acts for: row-level security reads it from two transaction settings."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import g, has_app_context
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session, SessionTransaction

from app.extensions import db

_SET_IDENTITY = text(
    "SELECT set_config('app.user_id', :user_id, true), set_config('app.scope', :scope, true)"
)


@dataclass(frozen=True)
class Identity:
    """The user a transaction acts for, and what else its `scope` opens."""

    user_id: UUID | None = None
    scope: str = ""


def act_as(user_id: UUID | None, *, scope: str = "") -> None:
    """Let this request's (or command's) transactions see the rows of one user only.

    Takes effect at once in an open transaction and at the start of later ones.

    Args:
        user_id: the user, or None for nobody.
        scope: "accounts" lets log-in, refresh and registration find any account; "content" lets
            the transaction write public content; else "".
    """
    g.identity = Identity(user_id, scope)
    if db.session().in_transaction():
        _set_identity(db.session.connection())


def _set_identity(connection: Connection) -> None:
    identity: Identity = g.get("identity", Identity()) if has_app_context() else Identity()
    user_id = "" if identity.user_id is None else str(identity.user_id)
    connection.execute(_SET_IDENTITY, {"user_id": user_id, "scope": identity.scope})


@event.listens_for(Session, "after_begin")
def _carry_identity(_session: Session, _begun: SessionTransaction, connection: Connection) -> None:
    _set_identity(connection)


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
        "connect_args": {"connect_timeout": 3, "application_name": "fivebox", "options": settings},
    }
