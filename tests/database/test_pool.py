"""The pool notices connections that the server has closed, without asking it each time."""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.extensions import db
from tests.conftest import Account

END_ALL = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE usename = 'fivebox_app'"
)


def test_requests_after_a_restart_of_the_server_get_new_connections(
    client: FlaskClient, register: Callable[..., Account], owner_connection: psycopg.Connection
) -> None:
    account = register()
    ended = owner_connection.execute(END_ALL).fetchall()[0][0]

    answers = [client.get("/v1/accounts/me", headers=account.headers).status_code for _ in range(3)]

    assert ended >= 1
    assert answers == [200, 200, 200]


def test_a_connection_that_ends_after_it_was_taken_is_known_to_be_lost(
    app: APIFlask, client: FlaskClient, owner_connection: psycopg.Connection
) -> None:
    with app.app_context(), db.engine.connect() as connection:
        owner_connection.execute(END_ALL)
        # What the error handlers answer with 503.
        with pytest.raises(OperationalError):
            connection.exec_driver_sql("SELECT 1")

    assert client.get("/health").get_json()["checks"]["database"]["status"] == "up"


def test_a_transaction_begins_in_one_round_trip(app: APIFlask) -> None:
    """psycopg's own BEGIN would undo the identity's: a second one within a transaction warns."""
    notices: list[str] = []
    with app.app_context(), db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.exec_driver_sql("SELECT 1")
        assert driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        connection.rollback()
        assert driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert notices == []


@contextmanager
def listening(app: APIFlask, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Listen to an event of the engine for a while."""
    with app.app_context():
        engine = db.engine
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)


def test_a_server_that_closes_each_new_connection_does_not_answer(
    app: APIFlask,
    client: FlaskClient,
    register: Callable[..., Account],
    owner_connection: psycopg.Connection,
) -> None:
    """As one that is shutting down."""
    account = register()

    def close(connection: Any, _record: Any) -> None:
        query = "SELECT pg_terminate_backend(%s, 5000)"
        owner_connection.execute(query, [connection.info.backend_pid])

    owner_connection.execute(END_ALL)
    with listening(app, "connect", close):
        answer = client.get("/v1/accounts/me", headers=account.headers)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 200


def test_one_closed_connection_has_the_pool_replace_all(
    app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    opened: list[int] = []

    def note(connection: Any, _record: Any) -> None:
        opened.append(connection.info.backend_pid)

    with app.app_context():
        db.engine.dispose()
        with db.engine.connect() as first, db.engine.connect():
            pid = first.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        owner_connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        # Both come from the pool, in either order.
        with listening(app, "connect", note):
            for _ in range(2):
                with db.engine.connect(), db.engine.connect():
                    pass

    assert len(opened) == 2


def test_a_transaction_that_the_server_ended_is_answered_503(
    app: APIFlask, client: FlaskClient, register: Callable[..., Account]
) -> None:
    account = register()

    def stall(connection: Any, *_more: Any) -> None:
        driver = connection.connection.driver_connection
        driver.execute("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        assert poll.poll(5000)

    with listening(app, "before_cursor_execute", stall):
        answer = client.get("/v1/accounts/me", headers=account.headers)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 200
