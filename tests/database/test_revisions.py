"""The revision feed: every change has the next number of its user, in order of becoming visible."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from apiflask import APIFlask

from tests.conftest import Account

SQL = "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) VALUES "
VALUES = "(%(user)s, %(id)s, 'x', 'daily', '2026-01-01', true)"


def _as_app(servers: object, user: str) -> psycopg.Connection:
    url = servers.superuser_url.replace("postgres@", "fivebox_app@")  # type: ignore[attr-defined]
    connection = psycopg.connect(url, options="-c lock_timeout=5s")
    connection.execute("SELECT set_config('app.user_id', %s, false)", [user])
    connection.commit()
    return connection


def _revisions(connection: psycopg.Connection) -> list[int]:
    rows = connection.execute("SELECT rev FROM user_habits ORDER BY rev").fetchall()
    connection.rollback()
    return [row[0] for row in rows]


def test_a_reader_never_skips_a_row_that_commits_late(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    """With a global sequence the second writer's row would be seen first, and the first's never."""
    user = register().id
    with (
        _as_app(servers, user) as first,
        _as_app(servers, user) as second,
        _as_app(servers, user) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(SQL + VALUES, {"user": user, "id": "early"})
        waiting = pool.submit(second.execute, SQL + VALUES, {"user": user, "id": "late"})
        # The second writer waits for the first: no later number can become visible before.
        assert _revisions(reader) == []
        assert not waiting.done()
        first.commit()
        waiting.result(timeout=5)
        assert _revisions(reader) == [1]
        second.commit()
        assert _revisions(reader) == [1, 2]


def test_an_unchanged_row_keeps_its_revision(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        connection.execute(SQL + VALUES, {"user": user, "id": "a"})
        for _ in range(3):
            connection.execute("UPDATE user_habits SET name = 'x'")
        assert _revisions_here(connection) == [1]
        connection.execute("UPDATE user_habits SET name = 'y'")
        assert _revisions_here(connection) == [2]


def _revisions_here(connection: psycopg.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT rev FROM user_habits").fetchall()]


def test_each_row_of_a_statement_has_its_own_revision(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        for row in "abc":
            connection.execute(SQL + VALUES, {"user": user, "id": row})
        connection.execute("UPDATE user_habits SET name = 'all'")
        assert sorted(_revisions_here(connection)) == [4, 5, 6]


def test_users_count_apart(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    for _ in range(2):
        user = register().id
        with _as_app(servers, user) as connection:
            connection.execute(SQL + VALUES, {"user": user, "id": "a"})
            assert _revisions_here(connection) == [1]


def test_a_row_cannot_change_its_id(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        connection.execute(SQL + VALUES, {"user": user, "id": "a"})
        with pytest.raises(psycopg.errors.CheckViolation, match="cannot change"):
            connection.execute("UPDATE user_habits SET id = 'b'")
        connection.rollback()
