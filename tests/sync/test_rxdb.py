"""RxDB's protocol: pulls, pushes, conflicts and their limits."""

import psycopg
import pytest

from tests.sync.conftest import Rxdb, day, habit


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"].rpartition(":")[2]


def test_a_pushed_document_comes_back_with_what_the_server_adds(rxdb):
    rxdb.store("habits", (habit(weekdays=[3, 1], schedule="weekdays"), None))
    rxdb.store("progress", (day("2026-01-05"), None), (day("2026-01-07"), None))

    assert rxdb.documents() == {"read": habit(weekdays=[1, 3], schedule="weekdays")}
    days = Rxdb(rxdb.account).documents("progress")
    assert days["read:2026-01-07"] == day("2026-01-07", streak=2)


def test_pages_follow_each_other_and_end(rxdb):
    rxdb.store("habits", *((habit(f"h{n}"), None) for n in range(5)))
    rxdb.store("habits", (habit("later"), None))

    pages = [list(rxdb.documents(limit=4)) for _ in range(3)]

    assert pages == [["h0", "h1", "h2", "h3"], ["h4", "later"], []]


def test_a_page_that_is_full_to_the_last_row_ends_too(rxdb):
    rxdb.store("habits", *((habit(f"h{n}"), None) for n in range(4)))

    assert [len(rxdb.documents(limit=2)) for _ in range(3)] == [2, 2, 0]


def test_the_end_is_the_newest_revision_of_all_collections(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None))

    rxdb.documents()
    assert rxdb.checkpoint == {"rev": 2, "id": "", "floor": 0}
    assert rxdb.documents() == {}
    rxdb.store("habits", (habit("new"), None))
    assert list(rxdb.documents()) == ["new"]


def test_a_repeat_changes_nothing(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.documents()

    rxdb.store("habits", (habit(), None))

    assert rxdb.documents() == {}
    assert rxdb.checkpoint["rev"] == 1


@pytest.mark.parametrize("sent", [{"name": "Read "}, {"weekdays": [3, 1]}])
def test_a_row_that_is_stored_in_another_form_comes_back(rxdb, sent):
    stored = habit(schedule="weekdays", weekdays=[1, 3])
    rxdb.store("habits", (stored, None))
    rxdb.documents()

    rxdb.store("habits", (stored | sent, stored))

    assert rxdb.documents() == {"read": stored}
    rxdb.store("habits", (stored, stored | sent))
    assert rxdb.documents() == {}


def test_another_devices_edit_is_a_conflict_and_is_shown(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("habits", (habit(name="Theirs"), habit()))

    answer = rxdb.push("habits", (habit(name="Mine"), habit()), (habit("other"), None))

    assert answer.get_json() == [habit(name="Theirs")]
    assert rxdb.documents() == {"read": habit(name="Theirs"), "other": habit("other")}
    rxdb.store("habits", (habit(name="Mine"), habit(name="Theirs")))


def test_a_document_that_is_there_unknown_to_the_client_is_a_conflict(rxdb):
    rxdb.store("habits", (habit(), None))

    assert rxdb.push("habits", (habit(name="Mine"), None)).get_json() == [habit()]


def test_what_the_server_keeps_makes_no_conflict(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None))
    rxdb.store("progress", (day("2026-01-04"), None))

    edited = day("2026-01-05", note="twice")
    rxdb.store("progress", (edited, day("2026-01-05")))
    rxdb.store("progress", (day("2026-01-05", note="thrice", streak=77), edited))

    assert rxdb.documents("progress")["read:2026-01-05"]["streak"] == 2


def test_an_assumed_state_that_is_no_valid_row_is_a_conflict(rxdb):
    rxdb.store("habits", (habit(), None))

    answer = rxdb.push("habits", (habit(name="Mine"), {"id": "read", "name": 1}))

    assert answer.get_json() == [habit()]


def test_a_deletion_travels_with_its_document(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None))

    rxdb.store("habits", (habit(name="edited too", _deleted=True), habit()))

    assert rxdb.documents() == {"read": habit(_deleted=True)}
    days = Rxdb(rxdb.account).documents("progress")
    assert days["read:2026-01-05"]["_deleted"] is True


def test_a_deletion_of_nothing_and_of_a_deleted_row_succeed(rxdb):
    rxdb.store("habits", (habit(_deleted=True), habit()))
    rxdb.store("habits", (habit(), None))
    rxdb.store("habits", (habit(_deleted=True), habit()))
    rxdb.store("habits", (habit(_deleted=True), habit()))

    assert rxdb.documents() == {"read": habit(_deleted=True)}


def test_an_edit_of_a_deleted_row_is_a_conflict_until_it_is_known_as_deleted(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("habits", (habit(_deleted=True), habit()))

    answer = rxdb.push("habits", (habit(name="Mine"), habit()))

    assert answer.get_json() == [habit(_deleted=True)]
    rxdb.store("habits", (habit(name="Mine"), habit(_deleted=True)))
    assert rxdb.documents() == {"read": habit(name="Mine")}


def test_a_row_that_was_purged_is_stored_anew(rxdb):
    rxdb.store("habits", (habit(name="Mine"), habit()))

    assert rxdb.documents() == {"read": habit(name="Mine")}


def test_a_child_waits_for_its_parent(rxdb):
    rxdb.store("habits", (habit("other"), None))
    orphans = [day("2026-01-05"), day("2026-01-06"), day("2026-01-06", "lost")]

    answer = rxdb.push("progress", *((new, None) for new in [day("2026-01-05", "other"), *orphans]))

    assert problem(answer) == (409, "parent-missing")
    body = answer.get_json()
    assert (body["collection"], body["ids"]) == ("progress", [row["id"] for row in orphans])
    assert rxdb.documents("progress") == {}
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None))


def test_a_child_of_a_deleted_parent_becomes_a_tombstone(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None))
    rxdb.store("habits", (habit(_deleted=True), habit()))
    rxdb.documents("progress")

    new, known = day("2026-01-06"), day("2026-01-05", note="alive again")
    rxdb.store("progress", (new, None), (known, day("2026-01-05", _deleted=True)))

    found = rxdb.documents("progress")
    assert {row: document["_deleted"] for row, document in found.items()} == {
        "read:2026-01-05": True,
        "read:2026-01-06": True,
    }


def test_a_changed_schedule_changes_the_streaks(rxdb):
    rxdb.store("habits", (habit(), None))
    rxdb.store("progress", (day("2026-01-05"), None), (day("2026-01-07"), None))
    assert Rxdb(rxdb.account).documents("progress")["read:2026-01-07"]["streak"] == 1

    rxdb.store("habits", (habit(schedule="weekdays", weekdays=[1, 3]), habit()))

    assert Rxdb(rxdb.account).documents("progress")["read:2026-01-07"]["streak"] == 2


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (habit(name=""), "1.newDocumentState.name"),
        (habit(active=1), "1.newDocumentState.active"),
        (habit(schedule="weekly"), "1.newDocumentState.times_per_week"),
        (habit(unknown=1), "1.newDocumentState.unknown"),
        (habit(name="a\0b"), "1.newDocumentState.name"),
        (habit("no id"), "1.newDocumentState.id"),
        (habit("first"), "1.newDocumentState.id"),
        (habit(_deleted=None), "1.newDocumentState._deleted"),
        ({"name": "x"}, "1.newDocumentState.id"),
    ],
)
def test_a_faulty_row_is_named_and_nothing_is_stored(rxdb, document, field):
    answer = rxdb.push("habits", (habit("first"), None), (document, None))

    assert problem(answer) == (422, "invalid-input")
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert rxdb.documents() == {}


@pytest.mark.parametrize("parent", ["\0", "a b", "", 3])
def test_the_id_of_a_parent_is_checked_before_it_is_looked_up(rxdb, parent):
    answer = rxdb.push("progress", ({**day("2026-01-05"), "habit_id": parent}, None))

    assert problem(answer) == (422, "invalid-input")
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "0.newDocumentState.habit_id"


def test_the_id_of_a_day_follows_from_it(rxdb):
    rxdb.store("habits", (habit(), None))

    answer = rxdb.push("progress", ({**day("2026-01-05"), "id": "read:2026-01-06"}, None))

    assert answer.get_json()["errors"] == [
        {"field": "0.newDocumentState.id", "detail": "must be read:2026-01-05"}
    ]


def test_a_rest_write_is_pulled_and_a_push_is_read_by_rest(rxdb):
    account = rxdb.account
    rxdb.store("habits", (habit(), None))
    path = "/v1/habits/read"
    assert account.client.get(path, headers=account.headers).get_json()["name"] == "Read"

    account.client.patch(path, json={"name": "By REST"}, headers=account.headers)

    assert rxdb.documents() == {"read": habit(name="By REST")}


def test_users_do_not_meet(rxdb, register):
    rxdb.store("habits", (habit(), None))

    assert Rxdb(register()).documents() == {}


def _purge(connection: psycopg.Connection, app) -> None:
    connection.execute(
        "UPDATE user_habits SET deleted_at = now() - interval '401 days' "
        "WHERE deleted_at IS NOT NULL"
    )
    assert app.test_cli_runner().invoke(args=["purge"]).exit_code == 0


def test_a_device_away_for_too_long_must_begin_anew(app, rxdb, owner_connection):
    rxdb.store("habits", (habit("kept"), None))
    rxdb.store("habits", (habit(), None))
    rxdb.documents()
    rxdb.store("habits", (habit(_deleted=True), habit()))
    _purge(owner_connection, app)

    assert problem(rxdb.pull()) == (410, "resync-needed")

    fresh = Rxdb(rxdb.account)
    assert list(fresh.documents(limit=1)) == ["kept"]
    assert fresh.pull(limit=1).status_code == 200
    assert fresh.pull().status_code == 200


def test_a_first_sync_of_many_pages_survives_what_was_purged_before(app, rxdb, owner_connection):
    rxdb.store("habits", *((habit(f"h{n}"), None) for n in range(4)))
    rxdb.store("habits", (habit(), None))
    rxdb.store("habits", (habit(_deleted=True), habit()))
    _purge(owner_connection, app)

    pages = [list(rxdb.documents(limit=2)) for _ in range(3)]

    assert pages == [["h0", "h1"], ["h2", "h3"], []]


def test_an_unknown_collection_is_not_found(rxdb):
    assert rxdb.pull("nothing").status_code == 404
    assert rxdb.push("users", (habit(), None)).status_code == 404


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"rev": -1}, {"rev": "x"}])
def test_a_faulty_query_is_refused(rxdb, query):
    assert rxdb.pull(**query).status_code == 422


def test_an_empty_push_is_refused(rxdb):
    assert rxdb.push("habits").status_code == 422
