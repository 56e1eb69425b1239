"""Helpers of the analytics tests."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from local.servers import EmbeddedServers
from tests.conftest import Account


@pytest.fixture
def figures(admin: Account) -> Callable[..., dict[str, Any]]:
    """Ask for figures as an administrator."""

    def get(name: str, **query: str) -> dict[str, Any]:
        answer = admin.client.get(
            f"/v1/admin/analytics/{name}", query_string=query, headers=admin.headers
        )
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    return get


@pytest.fixture
def analyst(app: object, servers: EmbeddedServers) -> Iterator[psycopg.Connection]:
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def live(owner_connection: psycopg.Connection) -> Callable[..., None]:
    """Let an account have registered on the first of some days, and been active on all of them."""

    def make(account: Account, *days: str) -> None:
        owner_connection.execute(
            "UPDATE users SET created_at = %s::timestamp AT TIME ZONE 'UTC' WHERE id = %s",
            [f"{days[0]} 12:00", account.id],
        )
        owner_connection.execute("DELETE FROM active_days WHERE user_id = %s", [account.id])
        for day in days:
            owner_connection.execute("INSERT INTO active_days VALUES (%s, %s)", [account.id, day])

    return make
