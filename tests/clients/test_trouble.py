"""Lost replies, killed workers, expired tokens, purges: nothing acknowledged is lost or doubled."""

import contextlib
import threading
import time
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from app.accounts.tokens import new_access_token
from tests.clients.conftest import log_in
from tests.clients.device import DeviceError
from tests.clients.proxy import Proxy
from tests.clients.rows import day, habit
from tests.waiting import wait_until

SECONDS = 60
# Of a request's transaction; the driver commits some of its own.
COMMIT = "'app.revoked', true); COMMIT"
PUSH = {"rxdb": "POST /v1/sync/habits/push", "watermelondb": "POST /v1/sync"}
PULL = {"rxdb": "GET /v1/sync/progress/pull", "watermelondb": "GET /v1/sync"}


def stored(connection: psycopg.Connection, account) -> dict[str, tuple[str, int]]:
    """Name and revision of the habits in the database."""
    query = "SELECT id, name, rev FROM user_habits WHERE user_id = %s AND deleted_at IS NULL"
    return {row[0]: row[1:] for row in connection.execute(query, [account.id])}


def sync_again(device) -> None:
    """WatermelonDB fails a round whose reply was lost, and the app starts another."""
    with contextlib.suppress(DeviceError):
        device.sync()
    device.sync()


def sync_while_workers_end(device) -> None:
    """Whether this round meets the killed worker or the new one is open."""
    with contextlib.suppress(DeviceError):
        device.sync()


def test_a_reply_lost_after_the_commit(kind, new_device, proxy, account, owner_connection):
    device, other = new_device(proxy.url), new_device()
    device.call("insert", "habits", [habit(kind)])
    cut = proxy.cut_reply(PUSH[kind])

    sync_again(device)

    assert cut.is_set()
    # The repeat wrote nothing: the revision is the first's.
    assert stored(owner_connection, account) == {"read": ("Read", 1)}
    other.call("insert", "habits", [habit(kind, "other")])
    other.sync()
    device.call("patch", "habits", "read", {"name": "Read more"})
    device.sync()
    other.sync()
    device.sync()
    assert device.rows() == other.rows()
    assert other.rows()["read"]["name"] == "Read more"


def test_an_edit_after_a_lost_reply(kind, new_device, proxy, account):
    device, other = new_device(proxy.url), new_device()
    device.call("insert", "habits", [habit(kind)])
    device.sync()
    device.call("patch", "habits", "read", {"name": "First"})
    cut = proxy.cut_reply(PUSH[kind])
    sync_again(device)
    device.call("patch", "habits", "read", {"description": "Second"})
    device.sync()
    other.sync()

    assert cut.is_set()
    row = other.rows()["read"]
    assert (row["name"], row["description"]) == ("First", "Second")
    assert device.rows().keys() == other.rows().keys()


@pytest.mark.parametrize("kind", ["rxdb"], indirect=True)
def test_another_s_edit_between_a_push_and_its_reply(new_device, proxy, account):
    # WatermelonDB pulls before it pushes.
    device, other = new_device(proxy.url), new_device()
    device.call("insert", "habits", [habit("rxdb")])
    device.sync()
    device.call("patch", "habits", "read", {"name": "Mine"})
    edited = threading.Event()

    def edit() -> None:
        path = "/v1/habits/read"
        etag = account.client.get(path, headers=account.headers).headers["ETag"]
        headers = {**account.headers, "If-Match": etag}
        change = {"description": "Theirs"}
        assert account.client.patch(path, json=change, headers=headers).status_code == 200
        edited.set()
        # So slow is the network: who pulls beside its push has the answer to that first.
        time.sleep(1)

    pushed = proxy.meddle(PUSH["rxdb"], after=edit)
    proxy.meddle("GET /v1/sync/habits/pull", before=lambda: edited.wait(SECONDS))

    device.sync()
    device.sync()
    other.sync()

    assert pushed.is_set()
    row = device.rows()["read"]
    assert (row["name"], row["description"]) == ("Mine", "Theirs")
    assert device.rows() == other.rows()


def test_a_worker_killed_between_commit_and_reply(
    kind, new_device, servers, start_server, account, owner_connection
):
    database = Proxy(servers.sockets / ".s.PGSQL.5432")
    url = f"postgresql://fivebox_app@127.0.0.1:{database.port}/fivebox"
    server = start_server(FIVEBOX_DATABASE_URL=url)
    proxy = Proxy(server.port)
    device, other = new_device(proxy.url), new_device()
    device.call("insert", "habits", [habit(kind)])
    killed = threading.Event()

    def hold_commits() -> None:
        # RxDB pulls beside its push, and that commits, too.
        database.meddle(COMMIT, before=hold_commits, after=lambda: killed.wait(SECONDS))

    proxy.meddle(PUSH[kind], before=hold_commits)
    syncing = threading.Thread(target=sync_while_workers_end, args=[device])
    syncing.start()
    try:
        wait_until(lambda: stored(owner_connection, account))
        assert syncing.is_alive()
    finally:
        server.kill_workers()
        killed.set()
    syncing.join(SECONDS)

    assert not syncing.is_alive()
    other.sync()
    device.sync()
    assert stored(owner_connection, account) == {"read": ("Read", 1)}
    assert device.rows() == other.rows()
    proxy.close()
    server.stop()
    database.close()


def test_a_first_sync_of_5000_rows(kind, new_device):
    device, other = new_device(), new_device()
    device.call("insert", "habits", [habit(kind, schedule="daily", weekdays=None)])
    device.call("insert", "progress", [day(n - 5000) for n in range(5000)])
    device.sync()
    device.sync()

    begun = time.monotonic()
    other.sync()

    assert time.monotonic() - begun < SECONDS
    rows = other.rows("progress")
    assert len(rows) == 5000
    assert rows["read:2025-12-31"]["streak"] == 5000
    assert rows == device.rows("progress")


def fill(connection: psycopg.Connection, account, habits: int, days: int) -> None:
    """Habits with days, each habit with its days in one revision."""
    for number in range(habits):
        with connection.transaction():
            connection.execute(
                "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
                "VALUES (%s, %s, 'x', 'daily', '2000-01-01', true)",
                [account.id, f"h{number}"],
            )
            connection.execute(
                "INSERT INTO user_progress (user_id, id, habit_id, date, completed) "
                "SELECT %(user)s, %(habit)s || ':' || day::date, %(habit)s, day, true "
                "FROM generate_series('2020-01-01'::date, '2020-01-01'::date + %(last)s, '1 day') "
                "AS day",
                {"user": account.id, "habit": f"h{number}", "last": days - 1},
            )


@pytest.fixture
def slow_pages(kind, start_server):
    """A server that sends WatermelonDB 500 rows at most; RxDB's pages have 500 anyway."""
    return start_server(FIVEBOX_SYNC_MAX_ROWS="500")


def test_paging_while_another_device_writes(
    kind, new_device, slow_pages, account, owner_connection
):
    fill(owner_connection, account, habits=12, days=100)
    proxy = Proxy(slow_pages.port)
    written = []

    def write() -> None:
        """Edit a row that was sent already, delete one, and make one."""
        number = len(written)
        path = f"/v1/habits/h{number}/progress"
        headers = account.headers
        answers = [
            account.client.put(
                f"{path}/2020-01-01", json={"completed": True, "note": "new"}, headers=headers
            ),
            account.client.delete(f"{path}/2020-01-02", headers=headers),
            account.client.put(f"{path}/2026-01-01", json={"completed": True}, headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [200, 204, 201]
        written.append(proxy.meddle(PULL[kind], before=write) if number < 2 else None)

    proxy.meddle(PULL[kind], before=write)
    device = new_device(proxy.url)
    device.sync()

    assert len(written) == 3
    fresh = new_device()
    device.sync()
    fresh.sync()
    assert device.rows("progress") == fresh.rows("progress")
    assert len(device.rows("progress")) == 12 * 100
    assert device.rows("progress")["h2:2020-01-01"]["note"] == "new"
    assert device.rows() == fresh.rows()
    proxy.close()


def test_a_token_that_expires_in_the_middle_of_a_round(
    app, kind, new_device, proxy, account, owner_connection
):
    tokens = log_in(account)
    with app.app_context():
        tokens["access_token"] = new_access_token(
            UUID(account.id), UUID(tokens["device_id"]), timedelta(seconds=3)
        )
    expiry = time.time() + 3

    def wait_for_expiry() -> None:
        time.sleep(max(0.0, expiry + 1 - time.time()))

    device = new_device(proxy.url, tokens)
    device.call("insert", "habits", [habit(kind)])
    expired = proxy.meddle(PUSH[kind], before=wait_for_expiry)

    device.sync()

    assert expired.is_set()
    assert device.call("statuses") == []
    assert stored(owner_connection, account).keys() == {"read"}
    refreshed = "SELECT rotated_at > created_at FROM devices WHERE id = %s"
    assert owner_connection.execute(refreshed, [tokens["device_id"]]).fetchone() == (True,)


def test_a_device_that_asks_too_often_waits_as_told(kind, new_device, start_server, account):
    limited = start_server(
        FIVEBOX_RATE_LIMITS_ENABLED="true", FIVEBOX_RATE_LIMIT_SYNC="2 per 5 seconds"
    )
    device = new_device(limited.url)
    device.call("insert", "habits", [habit(kind)])
    begun = time.monotonic()

    device.sync()
    device.sync()

    assert time.monotonic() - begun > 1
    assert device.call("statuses") == []
    path = "/v1/habits/read"
    assert account.client.get(path, headers=account.headers).status_code == 200


def test_a_device_away_for_longer_than_deletions_are_kept(
    app, kind, new_device, account, owner_connection
):
    device, other = new_device(), new_device()
    device.call("insert", "habits", [habit(kind), habit(kind, "kept")])
    device.call("insert", "progress", [day(4)])
    device.sync()
    other.sync()
    other.call("insert", "habits", [habit(kind, "made-offline")])
    other.call("patch", "habits", "kept", {"name": "Edited offline"})
    # Of a habit that is purged by the time that this is pushed, and of one that is not.
    other.call("insert", "progress", [day(6), day(6, "kept")])
    device.call("remove", "habits", "read")
    for _ in range(2):
        # The second time it hears of what it did itself.
        device.sync()
    # Past the triggers: time alone gives no new revision.
    owner_connection.execute("SET session_replication_role = replica")
    for table in ("user_habits", "user_progress"):
        owner_connection.execute(
            f"UPDATE {table} SET deleted_at = now() - interval '401 days' "  # noqa: S608
            "WHERE deleted_at IS NOT NULL"
        )
    assert app.test_cli_runner().invoke(args=["purge"]).exit_code == 0

    if kind == "rxdb":
        other.call("startOver")
        assert 410 in other.call("statuses")
    else:
        other.sync()
        other.sync()
    (other.call("resync") if kind == "rxdb" else other.sync())
    device.sync()

    assert other.rows().keys() == {"kept", "made-offline"}
    assert other.rows() == device.rows()
    assert other.rows("progress") == device.rows("progress")
    assert other.rows("progress").keys() == {day(6, "kept")["id"]}
    assert other.rows()["kept"]["name"] == "Edited offline"
