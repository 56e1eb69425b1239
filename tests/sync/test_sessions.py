"""The record of who synced when; metrics and log."""

import pytest

from app.sync import rounds
from tests.sync.conftest import Watermelon, habit
from tests.sync.test_watermelondb import created, raw


@pytest.fixture(autouse=True)
def nothing_recorded():
    """Other tests' rounds were by other devices; each test begins quiet all the same."""
    rounds._recorded.clear()


def sessions(account, **query):
    answer = account.client.get("/v1/sync/sessions", query_string=query, headers=account.headers)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_the_rounds_of_an_hour_are_one_session_of_each_client(account, rxdb):
    rxdb.store("habits", (habit(), None), (habit("other"), None))
    rxdb.documents()
    rxdb.push("habits", (habit(name="Mine"), habit(name="Never")))
    Watermelon(account).pull()

    first, second = sorted(sessions(account)["items"], key=lambda row: row["client"])

    assert first["device_id"] == account.tokens["device_id"]
    counts = ("client", "rev", "rounds", "rows_pulled", "rows_pushed", "conflicts")
    assert [first[name] for name in counts] == ["rxdb", 1, 3, 2, 2, 1]
    assert [second[name] for name in counts] == ["watermelondb", 1, 1, 2, 0, 0]


def test_asking_for_news_in_vain_writes_once_a_minute(account, rxdb, monkeypatch):
    for _ in range(3):
        rxdb.documents()
    assert sessions(account)["items"][0]["rounds"] == 1

    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0)
    rxdb.documents()
    assert sessions(account)["items"][0]["rounds"] == 2


def test_the_memory_of_what_was_recorded_is_bounded(account, rxdb, monkeypatch):
    monkeypatch.setattr(rounds, "MAX_REMEMBERED", 1)
    rxdb.documents()
    Watermelon(account).pull()

    assert len(rounds._recorded) == 1


def test_sessions_come_in_pages_the_latest_first(account, rxdb, owner_connection):
    rxdb.store("habits", (habit(), None))
    owner_connection.execute(
        "INSERT INTO sync_sessions (user_id, device_id, client, hour, last_at, rev, rounds, "
        "rows_pulled, rows_pushed, conflicts) SELECT user_id, device_id, client, "
        "hour - n * interval '1 hour', last_at - n * interval '1 hour', 0, 1, 0, 0, 0 "
        "FROM sync_sessions, generate_series(1, 4) AS n"
    )

    seen, after = [], {}
    while True:
        page = sessions(account, limit=2, **after)
        seen += [row["last_at"] for row in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}

    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


def test_a_made_up_cursor_is_refused(account):
    for cursor in ("x", "WyJ4Iiwgc3RyLCBmb29d", "WyJhIiwiYiIsImMiXQ"):
        answer = account.client.get(
            "/v1/sync/sessions", query_string={"after": cursor}, headers=account.headers
        )
        assert answer.status_code == 422


def test_a_device_shows_its_last_sync(account, rxdb):
    def device():
        answer = account.client.get("/v1/accounts/devices", headers=account.headers)
        return answer.get_json()["items"][0]

    assert (device()["last_sync_at"], device()["last_sync_rev"]) == (None, None)
    rxdb.store("habits", (habit(), None))
    rxdb.documents()
    assert device()["last_sync_rev"] == 1
    assert device()["last_sync_at"] == sessions(account)["items"][0]["last_at"]


def test_old_sessions_are_purged(app, account, rxdb, owner_connection):
    rxdb.documents()
    owner_connection.execute("UPDATE sync_sessions SET last_at = now() - interval '91 days'")

    result = app.test_cli_runner().invoke(args=["purge"])

    assert result.output == "Removed 0 rows, 0 devices and 1 sync sessions.\n"
    assert sessions(account)["items"] == []


def value(client, line: str) -> float:
    text = client.get("/internal/metrics").text
    found = [row.rpartition(" ")[2] for row in text.splitlines() if row.startswith(line + " ")]
    return float(found[0]) if found else 0.0


def test_rounds_and_rows_are_counted(account, rxdb, watermelon):
    def rounds_of(client: str, kind: str, outcome: str) -> float:
        labels = f'client="{client}",kind="{kind}",outcome="{outcome}"'
        return value(account.client, f"sync_rounds_total{{{labels}}}")

    kinds = [
        ("rxdb", "push", "done"),
        ("rxdb", "push", "empty"),
        ("rxdb", "push", "conflict"),
        ("rxdb", "push", "refused"),
        ("rxdb", "pull", "done"),
        ("watermelondb", "push", "conflict"),
    ]
    before = [rounds_of(*kind) for kind in kinds]
    rows = 'sync_rows_total{client="rxdb",kind="push"}'
    pushed = value(account.client, rows)

    rxdb.store("habits", (habit(), None), (habit("other"), None))
    rxdb.store("habits", (habit(), None))
    rxdb.push("habits", (habit(name="x"), habit(name="y")))
    rxdb.push("habits", (habit(name=""), None))
    rxdb.documents()
    watermelon.push(created(habits=[raw(name="z")]))

    assert [rounds_of(*kind) for kind in kinds] == [count + 1 for count in before]
    assert value(account.client, rows) == pushed + 2


def test_a_round_is_logged_with_its_rows_but_not_their_content(rxdb, lines):
    rxdb.store("habits", (habit(name="Private name"), None))
    rxdb.documents()

    found = [line for line in lines() if line["event_kind"] == "sync"]
    assert [(line["method"], line["sync_rows"], line["sync_rev"]) for line in found] == [
        ("POST", 1, 0),
        ("GET", 1, 1),
    ]
    assert found[0]["sync_client"] == "rxdb"
    assert "Private" not in repr(lines())
