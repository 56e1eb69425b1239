"""A full disk refuses what is written, says so, and keeps reading possible."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import Account
from tests.sync.conftest import Rxdb, habit

# PostgreSQL's answer, word for word; tests/lab fills a disk.
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'could not extend file "base/16384/16400": No space left on device'
        USING ERRCODE = '53100', HINT = 'Check free disk space.';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON user_habits EXECUTE FUNCTION full_disk();
"""


@pytest.fixture
def full_disk(owner_connection: psycopg.Connection) -> Iterator[None]:
    owner_connection.execute(FULL)
    yield
    owner_connection.execute("DROP FUNCTION full_disk() CASCADE")


@pytest.mark.parametrize("path", ["/v1/habits", "/v1/sync/habits/push"])
def test_a_write_is_refused_and_a_read_is_answered(
    register, path: str, owner_connection: psycopg.Connection, request: pytest.FixtureRequest
) -> None:
    account: Account = register()
    Rxdb(account).store("habits", (habit(), None))
    request.getfixturevalue("full_disk")
    new = {"id": "new", "name": "New", "start_date": "2026-01-01"}
    body = new if path == "/v1/habits" else [{"newDocumentState": habit("new")}]

    answer = account.client.post(path, json=body, headers=account.headers)

    assert answer.status_code == 507
    assert answer.get_json()["type"] == "urn:fivebox:problem:insufficient-storage"
    assert answer.headers["Retry-After"] == "60"
    listed = account.client.get("/v1/habits", headers=account.headers).get_json()["items"]
    assert [row["id"] for row in listed] == ["read"]
