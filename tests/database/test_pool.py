"""The pool notices connections that the server has closed, without asking it each time."""

from collections.abc import Callable

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
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
