"""The connections to the database: how many, their time-outs, and how dead ones are noticed."""

import select
from typing import Any

import psycopg
from apiflask import APIFlask
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

from app.database.session import carry_identity
from app.extensions import db


def init_app(app: APIFlask) -> None:
    """Let the transactions of an app carry who they act for, on connections that are alive."""
    with app.app_context():
        event.listen(db.engine, "begin", carry_identity)
        event.listen(db.engine, "checkout", _refuse_closed)


def _refuse_closed(connection: Any, record: Any, _proxy: Any) -> None:
    """Let the pool replace its connections when the server has closed one, as at its restart.

    Nothing is sent that must be answered, which a ping in each request would be: an idle connection
    has something to read only when the server has said good-bye.

    Raises:
        InvalidatePoolError: it is closed; the pool then tries a new one.
        OperationalError: the new one is closed too. The pool's own error would not tell that from
            a mistake of the program.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        # The pool empties this for a new connection.
        record.info["served"] = True
    elif "served" in record.info:
        raise InvalidatePoolError
    else:
        raise psycopg.OperationalError("the server closed a new connection")


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
        # psycopg then sends no BEGIN of its own; `carry_identity` sends it.
        "isolation_level": "AUTOCOMMIT",
        # An error's text goes to the log; the values in it are private.
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": 3,
            "application_name": "fivebox",
            "options": settings,
            **_DEAD_HOST,
        },
    }
