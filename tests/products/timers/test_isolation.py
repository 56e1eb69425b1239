"""The tables of timers: what a query without a WHERE sees, indexes, and what stays unread."""

from collections.abc import Callable

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database.session import act_as
from app.extensions import db
from tests.conftest import Account
from tests.products.timers.conftest import create, create_key

TABLES = ["user_timers", "user_timer_keys", "timer_nonces"]


@pytest.fixture
def two_users(user: Account, register: Callable[..., Account]) -> tuple[Account, Account]:
    other = register()
    create_key(other)
    create(user)
    create(other)
    return user, other


def owners(table: str) -> set[str]:
    rows = db.session.execute(text(f"SELECT user_id FROM {table}"))  # noqa: S608 - our names
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("table", TABLES)
def test_an_unfiltered_query_sees_one_user(
    app: APIFlask, two_users: tuple[Account, Account], table: str
) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        assert owners(table) == {two_users[0].id}
    with app.app_context():
        assert owners(table) == set()


def test_a_nonce_cannot_be_taken_for_another_user(
    app: APIFlask, two_users: tuple[Account, Account]
) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        statement = text("SELECT claim_timer_nonce(:other, 'k1', 'twelve bytes', 'x')")
        with pytest.raises(ProgrammingError, match="row-level security"):
            db.session.execute(statement, {"other": two_users[1].id})


@pytest.mark.parametrize("table", TABLES)
def test_the_analyst_reads_no_table(
    two_users: tuple[Account, Account], servers: object, table: str
) -> None:
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")  # type: ignore[attr-defined]
    with (
        psycopg.connect(url) as analyst,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        analyst.execute(f"SELECT user_id FROM {table}")  # type: ignore[arg-type] # noqa: S608


@pytest.mark.parametrize(
    ("index", "query"),
    [
        (
            "user_timers_by_due",
            "SELECT * FROM user_timers WHERE user_id = %s AND deleted_at IS NULL "
            "AND due_at >= '2027-01-01' AND due_at < '2027-02-01' "
            "AND (due_at, id) > ('2027-01-05', 't1') ORDER BY due_at, id LIMIT 21",
        ),
        (
            "user_timers_feed",
            "SELECT * FROM user_timers WHERE user_id = %s AND rev > 5 ORDER BY rev, id LIMIT 100",
        ),
        (
            "user_timer_keys_feed",
            "SELECT * FROM user_timer_keys WHERE user_id = %s AND rev > 5 "
            "ORDER BY rev, id LIMIT 100",
        ),
    ],
)
def test_hot_queries_use_their_indexes(
    user: Account, plan_of: Callable[..., str], index: str, query: str
) -> None:
    assert index in plan_of(query, user.id)


def test_keys_and_timers_are_in_the_feed(
    user: Account, owner_connection: psycopg.Connection
) -> None:
    create(user)
    revisions = owner_connection.execute(
        "SELECT k.rev, t.rev, s.rev FROM user_timer_keys k, user_timers t, sync_state s"
    ).fetchall()
    assert revisions == [(1, 2, 2)]


def test_all_of_it_goes_with_the_account(
    user: Account, app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    create(user)
    body = {"password": user.password}
    asked = user.client.delete("/v1/accounts/me", json=body, headers=user.headers)
    assert asked.status_code == 202
    owner_connection.execute("UPDATE users SET deletion_requested_at = '2026-01-01'")
    done = app.test_cli_runner().invoke(args=["accounts", "purge"])
    assert done.exit_code == 0, done.output
    for table in TABLES:
        count = owner_connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type] # noqa: S608
        assert count == (0,), table
