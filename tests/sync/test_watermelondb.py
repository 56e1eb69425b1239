"""WatermelonDB's protocol: pulls, pushes, conflicts and their limits."""

import json

import pytest

from tests.sync.conftest import Watermelon
from tests.sync.test_rxdb import problem


def raw(row_id: str = "read", **fields):
    """A habit as WatermelonDB keeps it."""
    return {
        "id": row_id,
        "_status": "created",
        "_changed": "",
        "name": "Read",
        "description": "",
        "schedule": "daily",
        "weekdays": None,
        "times_per_week": None,
        "start_date": "2026-01-01",
        "active": True,
        "created_at": 5,
        "updated_at": 5,
        **fields,
    }


def raw_day(date: str, habit_id: str = "read", **fields):
    return {
        "id": f"{habit_id}:{date}",
        "_status": "created",
        "_changed": "",
        "habit_id": habit_id,
        "date": date,
        "completed": True,
        "note": "",
        "streak": 0,
        **fields,
    }


def created(**tables):
    return {name: {"created": rows, "updated": [], "deleted": []} for name, rows in tables.items()}


def updated(**tables):
    return {name: {"created": [], "updated": rows, "deleted": []} for name, rows in tables.items()}


def deleted(**tables):
    return {name: {"created": [], "updated": [], "deleted": ids} for name, ids in tables.items()}


@pytest.fixture
def second(watermelon) -> Watermelon:
    device = Watermelon(watermelon.account)
    device.pull()
    return device


def store(device: Watermelon, changes) -> None:
    answer = device.push(changes)
    assert answer.status_code == 204, answer.text


def test_the_first_pull_of_a_new_user_is_empty_with_a_timestamp(account, app):
    device = Watermelon(account)

    empty = {"created": [], "updated": [], "deleted": []}
    assert device.changes() == dict.fromkeys(app.extensions["sync"], empty)
    assert device.last_pulled_at == 1


def test_rows_of_all_tables_travel_as_the_client_keeps_them(watermelon, second):
    habit = raw(schedule="weekdays", weekdays="[3,1]")
    store(watermelon, created(progress=[raw_day("2026-01-05")], habits=[habit]))

    changes = second.changes()

    assert not any(changes[t][k] for t in changes for k in ("created", "deleted"))
    (row,) = changes["habits"]["updated"]
    assert {"_status", "_changed"}.isdisjoint(row)
    assert json.loads(row["weekdays"]) == [1, 3]
    assert row["created_at"] == row["updated_at"] > 1_700_000_000_000
    (day,) = changes["progress"]["updated"]
    assert (day["id"], day["streak"], day["date"]) == ("read:2026-01-05", 1, "2026-01-05")
    assert second.changes()["habits"]["updated"] == []


def test_a_deletion_is_told_by_id_but_not_to_a_new_device(watermelon, second):
    store(watermelon, created(habits=[raw()], progress=[raw_day("2026-01-05")]))
    watermelon.pull()
    store(watermelon, deleted(habits=["read"]))

    changes = second.changes()

    assert changes["habits"]["deleted"] == ["read"]
    assert changes["progress"]["deleted"] == ["read:2026-01-05"]
    assert all(not any(t.values()) for t in Watermelon(watermelon.account).changes().values())


def test_a_device_that_began_with_nothing_hears_of_deletions(watermelon, second):
    assert watermelon.last_pulled_at == 1
    store(watermelon, created(habits=[raw()]))
    second.pull()
    store(second, deleted(habits=["read"]))

    assert watermelon.changes()["habits"]["deleted"] == ["read"]


def test_a_repeat_after_a_lost_reply_succeeds_and_changes_nothing(watermelon, second):
    changes = created(habits=[raw()])
    store(watermelon, changes)
    second.pull()

    store(watermelon, changes)

    assert second.changes()["habits"]["updated"] == []


def test_a_row_changed_since_the_pull_stops_the_whole_push(watermelon, second):
    store(watermelon, created(habits=[raw()]))
    second.pull()
    watermelon.pull()
    store(second, updated(habits=[raw(name="Theirs")]))

    answer = watermelon.push(
        {
            "habits": {
                "created": [raw("new")],
                "updated": [raw(name="Mine")],
                "deleted": [],
            }
        }
    )

    assert problem(answer) == (409, "conflict")
    (row,) = watermelon.changes()["habits"]["updated"]
    assert row["name"] == "Theirs"
    store(watermelon, updated(habits=[raw(name="Mine")]))


def test_a_deletion_of_a_row_changed_since_the_pull_is_a_conflict(watermelon, second):
    store(watermelon, created(habits=[raw()]))
    second.pull()
    watermelon.pull()
    store(second, updated(habits=[raw(name="Theirs")]))

    assert problem(watermelon.push(deleted(habits=["read"]))) == (409, "conflict")


def test_a_deletion_wins_over_an_edit_of_its_children_in_the_same_push(watermelon, second):
    store(watermelon, created(habits=[raw()], progress=[raw_day("2026-01-05")]))
    watermelon.pull()

    store(
        watermelon, deleted(habits=["read"]) | updated(progress=[raw_day("2026-01-05", note="x")])
    )

    changes = second.changes()
    assert (changes["habits"]["deleted"], changes["progress"]["updated"]) == (["read"], [])


def test_a_schedule_and_a_day_may_change_together(watermelon, second):
    dates = ("2026-01-05", "2026-01-06", "2026-01-07")
    store(watermelon, created(habits=[raw()], progress=[raw_day(date) for date in dates]))
    watermelon.pull()
    weekly = raw(schedule="weekdays", weekdays="[1]")

    store(watermelon, updated(habits=[weekly], progress=[raw_day("2026-01-06", note="x")]))

    days = {row["date"]: row for row in second.changes()["progress"]["updated"]}
    assert (days["2026-01-06"]["note"], days["2026-01-06"]["streak"]) == ("x", 1)


def test_what_another_changed_stays_a_conflict_beside_a_change_of_its_parent(watermelon, second):
    store(watermelon, created(habits=[raw()], progress=[raw_day("2026-01-05")]))
    watermelon.pull()
    second.pull()
    store(second, updated(progress=[raw_day("2026-01-05", note="theirs")]))
    weekly = raw(schedule="weekdays", weekdays="[2]")

    mine = updated(habits=[weekly], progress=[raw_day("2026-01-05", note="mine")])

    assert problem(watermelon.push(mine)) == (409, "conflict")
    (day,) = watermelon.changes()["progress"]["updated"]
    assert day["note"] == "theirs"


@pytest.mark.parametrize("sent", [{"name": "Read "}, {"weekdays": "[3, 1]"}])
def test_a_row_that_is_stored_in_another_form_comes_back(watermelon, sent):
    habit = raw(schedule="weekdays", weekdays="[1,3]")
    store(watermelon, created(habits=[habit]))
    watermelon.pull()

    store(watermelon, updated(habits=[{**habit, **sent}]))

    (row,) = watermelon.changes()["habits"]["updated"]
    assert (row["name"], row["weekdays"]) == ("Read", "[1,3]")
    store(watermelon, updated(habits=[row]))
    assert watermelon.changes()["habits"]["updated"] == []


def test_a_row_that_is_gone_is_made_anew_and_its_deletion_succeeds(watermelon):
    store(watermelon, updated(habits=[raw()]) | deleted(progress=["read:2026-01-05"]))

    assert [row["id"] for row in watermelon.changes()["habits"]["updated"]] == ["read"]


def test_columns_that_an_old_client_lacks_stay(watermelon, second):
    store(watermelon, created(habits=[raw(description="long")]))
    second.pull()

    store(second, updated(habits=[{"id": "read", "name": "Renamed"}]))

    (row,) = watermelon.changes()["habits"]["updated"]
    assert (row["name"], row["description"]) == ("Renamed", "long")


def test_a_child_without_its_parent_is_refused(watermelon):
    orphans = [raw_day("2026-01-05"), raw_day("2026-01-06")]

    answer = watermelon.push(created(habits=[raw("other")], progress=orphans))

    assert problem(answer) == (409, "parent-missing")
    body = answer.get_json()
    assert (body["collection"], body["ids"]) == ("progress", [row["id"] for row in orphans])
    assert watermelon.changes()["habits"]["updated"] == []


def test_what_a_new_schema_added_comes_whole(watermelon, second):
    store(watermelon, created(habits=[raw()], progress=[raw_day("2026-01-05")]))
    store(watermelon, deleted(habits=["gone"]))
    second.pull()
    added = {"from": 1, "tables": ["progress"], "columns": []}

    changes = second.changes(migration=json.dumps(added))
    assert [len(changes[t]["updated"]) for t in ("habits", "progress")] == [0, 1]

    added = {"from": 1, "tables": [], "columns": [{"table": "habits", "columns": ["active"]}]}
    changes = second.changes(migration=json.dumps(added))
    assert [len(changes[t]["updated"]) for t in ("habits", "progress")] == [1, 0]


@pytest.fixture
def capped(make_app, register):
    """A device of a server that answers with three rows at most."""
    account = register()
    account.client = make_app(sync_max_rows=3).test_client()
    return Watermelon(account)


def pull_all(device: Watermelon) -> list[list[str]]:
    pages = []
    while True:
        body = device.pull().get_json()
        pages.append([row["id"] for row in body["changes"]["habits"]["updated"]])
        if not body["more"]:
            return pages


def test_more_rows_than_the_cap_come_in_whole_revisions(capped):
    capped.pull()
    store(capped, created(habits=[raw("a"), raw("b")]))
    store(capped, created(habits=[raw("c"), raw("d")]))
    store(capped, created(habits=[raw("e")]))

    assert pull_all(Watermelon(capped.account)) == [["a", "b"], ["c", "d", "e"]]


def test_more_bytes_than_the_cap_come_in_whole_revisions(account, make_app):
    account.client = make_app(sync_max_bytes=2000).test_client()
    device = Watermelon(account)
    device.pull()
    for name in "abcde":
        store(device, created(habits=[raw(name, description=500 * "x")]))

    pages = pull_all(Watermelon(account))

    assert pages == [["a", "b"], ["c", "d"], ["e"]]


def test_a_revision_larger_than_the_cap_comes_whole(capped, owner_connection):
    capped.pull()
    store(capped, created(habits=[raw("a"), raw("b"), raw("c")]))
    store(capped, created(habits=[raw("d"), raw("e")]))
    owner_connection.execute("UPDATE user_habits SET name = 'x'")
    store(capped, created(habits=[raw("f")]))

    assert pull_all(Watermelon(capped.account)) == [["a", "b", "c", "d", "e"], ["f"]]


def _purge(connection, app) -> None:
    connection.execute(
        "UPDATE user_habits SET deleted_at = now() - interval '401 days' "
        "WHERE deleted_at IS NOT NULL"
    )
    assert app.test_cli_runner().invoke(args=["purge"]).exit_code == 0


def test_a_device_away_for_too_long_gets_everything_in_place_of_what_it_has(
    app, watermelon, second, owner_connection
):
    store(watermelon, created(habits=[raw("kept")]))
    store(watermelon, created(habits=[raw()]))
    second.pull()
    watermelon.pull()
    store(watermelon, deleted(habits=["read"]))
    _purge(owner_connection, app)

    body = second.pull().get_json()

    assert body["experimentalStrategy"] == "replacement"
    assert [row["id"] for row in body["changes"]["habits"]["updated"]] == ["kept"]
    assert "experimentalStrategy" not in second.pull().get_json()


def test_a_first_pull_is_not_cut_below_the_purge_floor(app, capped, owner_connection):
    capped.pull()
    for name in "abcde":
        store(capped, created(habits=[raw(name)]))
    capped.pull()
    store(capped, deleted(habits=["a"]))
    _purge(owner_connection, app)
    store(capped, created(habits=[raw("f")]))

    assert pull_all(Watermelon(capped.account)) == [["b", "c", "d", "e"], ["f"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (created(nothing=[]), "nothing"),
        (created(habits=[raw(name="")]), "habits.created.0.name"),
        (updated(habits=[raw("a"), raw("b", active=1)]), "habits.updated.1.active"),
        (updated(habits=[raw(weekdays="[")]), "habits.updated.0.weekdays"),
        (updated(habits=[raw(weekdays=[1])]), "habits.updated.0.weekdays"),
        (updated(habits=[raw(color="red")]), "habits.updated.0.color"),
        (updated(habits=[raw(7)]), "habits.updated.0.id"),
        (deleted(habits=["a b"]), "habits.deleted.0.id"),
        (deleted(habits=["a", "a"]), "habits.deleted.1.id"),
        (created(progress=[{**raw_day("2026-01-05"), "id": "read:2"}]), "progress.created.0.id"),
        (created(progress=[{"id": "a:b", "habit_id": 3}]), "progress.created.0.habit_id"),
        # PostgreSQL's text cannot hold U+0000.
        (updated(progress=[raw_day("2026-01-01", "\0")]), "progress.updated.0.id"),
        (
            updated(progress=[{**raw_day("2026-01-01"), "habit_id": "\0"}]),
            "progress.updated.0.habit_id",
        ),
        (
            updated(progress=[{**raw_day("2026-01-01"), "habit_id": "a b"}]),
            "progress.updated.0.habit_id",
        ),
    ],
)
def test_a_faulty_row_is_named_and_nothing_is_stored(watermelon, changes, field):
    sent = {**created(habits=[raw("first")]), **changes}
    answer = watermelon.push(sent)

    assert problem(answer) == (422, "invalid-input")
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert watermelon.changes()["habits"]["updated"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"last_pulled_at": 0},
        {"last_pulled_at": "x"},
        {"migration": "{"},
        {"migration": '{"tables": 3}'},
        {"schema_version": "x"},
    ],
)
def test_a_faulty_pull_is_refused(watermelon, query):
    assert watermelon.pull(**query).status_code == 422


def test_a_push_needs_the_pull_before_it(account):
    assert Watermelon(account).push(created(habits=[])).status_code == 422
