"""Row-level security: what a query without a WHERE sees as the role of the API."""

from collections.abc import Callable

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database.session import act_as
from app.extensions import db
from tests.conftest import Account

OWNED = ["user_habits", "user_progress", "user_files", "sync_state", "devices"]


@pytest.fixture
def two_users(register: Callable[..., Account]) -> tuple[Account, Account]:
    users = register(), register()
    for user in users:
        habit = {"id": "same", "name": user.email, "start_date": "2026-01-01"}
        assert user.client.post("/v1/habits", json=habit, headers=user.headers).status_code == 201
        path = "/v1/habits/same/progress/2026-01-01"
        assert (
            user.client.put(path, json={"completed": True}, headers=user.headers).status_code == 201
        )
        file = {"id": "same", "name": "a", "content_type": "text/plain", "size": 1}
        body = {**file, "sha256": "0" * 64}
        assert user.client.post("/v1/files", json=body, headers=user.headers).status_code == 201
    return users


def _owners(table: str, column: str = "user_id") -> set[str]:
    rows = db.session.execute(text(f"SELECT {column} FROM {table}"))  # noqa: S608 - our names
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("table", OWNED)
def test_an_unfiltered_query_sees_one_user(
    app: APIFlask, two_users: tuple[Account, Account], table: str
) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        assert _owners(table) == {two_users[0].id}


def test_users_see_themselves_only(app: APIFlask, two_users: tuple[Account, Account]) -> None:
    with app.app_context():
        act_as(two_users[1].id)
        assert _owners("users", "id") == {two_users[1].id}


@pytest.mark.parametrize("table", OWNED)
def test_nobody_sees_nothing(app: APIFlask, two_users: tuple[Account, Account], table: str) -> None:
    with app.app_context():
        assert _owners(table) == set()


def test_the_user_does_not_outlive_the_transaction(
    app: APIFlask, two_users: tuple[Account, Account]
) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        assert _owners("user_habits")
        db.session.commit()
    with app.app_context():
        assert _owners("user_habits") == set()


def test_a_row_for_another_user_is_refused(
    app: APIFlask, two_users: tuple[Account, Account]
) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        statement = text(
            "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
            "VALUES (:user_id, 'planted', 'x', 'daily', '2026-01-01', true)"
        )
        with pytest.raises(ProgrammingError, match="row-level security"):
            db.session.execute(statement, {"user_id": two_users[1].id})


def test_an_update_reaches_no_other_user(app: APIFlask, two_users: tuple[Account, Account]) -> None:
    with app.app_context():
        act_as(two_users[0].id)
        changed = db.session.execute(text("UPDATE user_habits SET name = 'x' RETURNING user_id"))
        assert {str(row[0]) for row in changed} == {two_users[0].id}


def test_every_table_with_an_owner_has_forced_security(
    owner_connection: psycopg.Connection,
) -> None:
    rows = owner_connection.execute(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace "
        "AND (c.relname = 'users' OR EXISTS (SELECT FROM pg_attribute a "
        "WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped))"
    ).fetchall()
    assert {name for name, _ in rows} >= {"users", *OWNED}
    assert [name for name, forced in rows if not forced] == []


def test_the_app_role_is_not_above_the_law(owner_connection: psycopg.Connection) -> None:
    rows = owner_connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'fivebox%' AND (rolsuper OR rolbypassrls)"
    ).fetchall()
    assert rows == []


def test_the_analyst_reads_figures_but_nothing_personal(
    app: APIFlask, two_users: tuple[Account, Account], servers: object
) -> None:
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")  # type: ignore[attr-defined]
    with psycopg.connect(url, autocommit=True) as analyst:
        people = analyst.execute("SELECT person FROM analytics.progress").fetchall()
        assert len(set(people)) == len(two_users)
        assert not {row[0] for row in people} & {user.id for user in two_users}
        for query in (
            "SELECT user_id FROM user_progress",
            "SELECT id FROM users",
            "SELECT email FROM users",
            "SELECT password_hash FROM users",
            "SELECT note FROM user_progress",
            "SELECT name FROM user_habits",
            "SELECT name FROM user_files",
            "SELECT refresh_hash FROM devices",
            "UPDATE user_habits SET active = false",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(query)
