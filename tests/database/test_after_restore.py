"""After a restore every client begins anew instead of going on beside the truth."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from local.servers import EmbeddedServers
from tests.conftest import Account
from tests.database.restore import Backup
from tests.sync.conftest import Rxdb, Watermelon, habit
from tests.sync.test_rxdb import problem


@pytest.fixture
def take(owner_connection: psycopg.Connection, servers: EmbeddedServers) -> Callable[[], Backup]:
    return lambda: Backup(owner_connection, servers.superuser_url)


def refresh(client: FlaskClient, tokens: dict[str, Any]) -> Any:
    body = {"refresh_token": tokens["refresh_token"]}
    return client.post("/v1/accounts/refresh", json=body)


def test_rxdb_is_sent_to_begin_anew_and_gets_the_restored_rows(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    device = Rxdb(register())
    device.store("habits", (habit(), None))
    backup = take()
    device.store("habits", (habit(name="Later"), habit()), (habit("lost"), None))
    assert device.documents().keys() == {"read", "lost"}
    backup.restore("keep")

    assert problem(device.pull()) == (410, "resync-needed")

    fresh = Rxdb(device.account)
    assert fresh.documents() == {"read": habit()}
    # Its next pull goes on, and what is written now is above all that anyone has seen.
    fresh.store("habits", (habit("new"), None))
    assert list(fresh.documents()) == ["new"]


def test_a_first_pull_of_several_pages_passes_the_restore(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    device = Rxdb(register())
    device.store("habits", *((habit(f"h{n}"), None) for n in range(5)))
    take().restore("keep")

    fresh = Rxdb(device.account)

    assert [len(fresh.documents(limit=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_watermelondb_gets_everything_as_a_replacement(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    account = register()
    Rxdb(account).store("habits", (habit(), None))
    backup = take()
    Rxdb(account).store("habits", (habit(name="Later"), habit()), (habit("lost"), None))
    device = Watermelon(account)
    device.pull()
    backup.restore("keep")

    answer = device.pull().get_json()

    assert answer["experimentalStrategy"] == "replacement"
    rows = answer["changes"]["habits"]["updated"]
    assert [(row["id"], row["name"]) for row in rows] == [("read", "Read")]
    assert device.pull().get_json()["changes"]["habits"]["updated"] == []


def test_a_push_that_crosses_the_restore_writes_nothing(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    account = register()
    Rxdb(account).store("habits", (habit(), None))
    backup = take()
    Rxdb(account).store("habits", (habit(name="Seen"), habit()))
    device = Watermelon(account)
    device.pull()
    backup.restore("keep")
    row = {name: value for name, value in habit(name="Mine").items() if name != "_deleted"}

    refused = device.push({"habits": {"updated": [row]}})

    assert problem(refused) == (409, "conflict")
    assert Rxdb(account).documents()["read"]["name"] == "Read"
    device.pull()
    assert device.push({"habits": {"updated": [row]}}).status_code == 204


def test_two_restores_of_one_backup_are_told_apart(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    account = register()
    Rxdb(account).store("habits", (habit(), None))
    backup = take()
    backup.restore("keep")
    Rxdb(account).store("habits", (habit(name="Of the first"), habit()), (habit("gone"), None))
    device, other = Rxdb(account), Watermelon(account)
    assert device.documents().keys() == {"read", "gone"}
    other.pull()
    path = "/v1/habits/read"
    seen = account.client.get(path, headers=account.headers).headers["ETag"]
    backup.restore("keep")
    # As many changes as the devices saw after the first restore.
    Rxdb(account).store("habits", (habit(name="Of the second"), habit()))

    row = {name: value for name, value in habit(name="Mine").items() if name != "_deleted"}
    assert problem(other.push({"habits": {"updated": [row]}})) == (409, "conflict")
    assert problem(device.pull()) == (410, "resync-needed")
    answer = other.pull().get_json()
    assert answer["experimentalStrategy"] == "replacement"
    assert [row["name"] for row in answer["changes"]["habits"]["updated"]] == ["Of the second"]
    stale = {**account.headers, "If-Match": seen}
    assert account.client.patch(path, json={"name": "x"}, headers=stale).status_code == 412


def test_a_device_that_saw_what_is_newer_than_everything_begins_anew(
    register: Callable[..., Account],
) -> None:
    """So it is when a clock that was ahead during a restore is right in the next one."""
    account = register()
    Rxdb(account).store("habits", (habit(), None))
    device, other = Rxdb(account), Watermelon(account)
    device.documents()
    other.pull()
    device.checkpoint["rev"] += 1
    other.last_pulled_at += 1

    assert problem(other.push({"habits": {"deleted": ["read"]}})) == (409, "conflict")
    assert problem(device.pull()) == (410, "resync-needed")
    answer = other.pull().get_json()
    assert answer["experimentalStrategy"] == "replacement"
    assert [row["id"] for row in answer["changes"]["habits"]["updated"]] == ["read"]


def test_revisions_of_rows_are_not_given_twice(
    register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    """A revision is a row's ETag: one that stood for two states would let a write pass."""
    account = register()
    Rxdb(account).store("habits", (habit(), None))
    backup = take()
    path = "/v1/habits/read"
    lost = account.client.patch(path, json={"name": "Lost"}, headers=account.headers)
    backup.restore("keep")
    account.client.patch(path, json={"name": "Other"}, headers=account.headers)

    stale = {**account.headers, "If-Match": lost.headers["ETag"]}
    answer = account.client.patch(path, json={"name": "Over it"}, headers=stale)

    assert answer.status_code == 412


def test_sessions_end_when_they_are_told_to(
    client: FlaskClient,
    register: Callable[..., Account],
    take: Callable[[], Backup],
    owner_connection: psycopg.Connection,
) -> None:
    account = register()
    backup = take()
    later = refresh(client, account.tokens).get_json()
    backup.restore("end")

    for tokens in (account.tokens, later):
        assert refresh(client, tokens).status_code == 401
    # Nobody is taken for a thief.
    kinds = owner_connection.execute(
        "SELECT kind FROM audit_events WHERE kind IN ('database.restored', 'account.token_reused')"
    ).fetchall()
    assert kinds == [("database.restored",)]
    credentials = {"email": account.email, "password": account.password}
    assert client.post("/v1/accounts/login", json=credentials).status_code == 200


def test_sessions_of_then_go_on_when_they_are_kept(
    client: FlaskClient, register: Callable[..., Account], take: Callable[[], Backup]
) -> None:
    account = register()
    take().restore("keep")

    assert refresh(client, account.tokens).status_code == 200
