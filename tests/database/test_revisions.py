"""The revision feed: a transaction has its user's next number, in order of becoming visible."""

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
        connection.commit()
        for _ in range(3):
            connection.execute("UPDATE user_habits SET name = 'x'")
            connection.commit()
        assert _revisions(connection) == [1]
        connection.execute("UPDATE user_habits SET name = 'y'")
        connection.commit()
        assert _revisions(connection) == [2]


def test_the_rows_of_a_transaction_share_one_revision(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        for row in "abc":
            connection.execute(SQL + VALUES, {"user": user, "id": row})
        connection.commit()
        assert _revisions(connection) == [1, 1, 1]
        connection.execute("UPDATE user_habits SET name = 'y' WHERE id <> 'a'")
        connection.execute("UPDATE user_habits SET name = 'z' WHERE id = 'b'")
        connection.commit()
        assert _revisions(connection) == [1, 2, 2]


def test_a_savepoint_that_is_rolled_back_gives_its_number_back(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        with connection.transaction(force_rollback=True):
            connection.execute(SQL + VALUES, {"user": user, "id": "undone"})
        connection.execute(SQL + VALUES, {"user": user, "id": "kept"})
        connection.commit()
        assert _revisions(connection) == [1]
        counter = connection.execute("SELECT rev FROM sync_state").fetchone()
        assert counter == (1,)


def test_a_new_row_was_made_when_it_was_changed(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    query = "SELECT created_at, updated_at FROM user_habits"
    with _as_app(servers, user) as connection:
        connection.execute(SQL + VALUES, {"user": user, "id": "a"})
        connection.commit()
        created, updated = connection.execute(query).fetchone() or (None, None)
        assert created == updated
        connection.commit()
        connection.execute("UPDATE user_habits SET name = 'y', created_at = now() - interval '1d'")
        connection.commit()
        assert (connection.execute(query).fetchone() or ())[0] == created
        assert (connection.execute(query).fetchone() or ())[1] > created


def test_users_count_apart(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    for _ in range(2):
        user = register().id
        with _as_app(servers, user) as connection:
            connection.execute(SQL + VALUES, {"user": user, "id": "a"})
            assert _revisions(connection) == [1]


def test_a_row_cannot_change_its_id(
    app: APIFlask, register: Callable[..., Account], servers: object
) -> None:
    user = register().id
    with _as_app(servers, user) as connection:
        connection.execute(SQL + VALUES, {"user": user, "id": "a"})
        with pytest.raises(psycopg.errors.CheckViolation, match="cannot change"):
            connection.execute("UPDATE user_habits SET id = 'b'")
        connection.rollback()
