"""Two devices of one user, offline and on."""

import pytest

from tests.clients.rows import day, habit


@pytest.fixture
def pair(kind, new_device):
    """Two devices that have the same habit."""
    first, second = new_device(), new_device()
    first.call("insert", "habits", [habit(kind)])
    first.sync()
    second.sync()
    assert second.rows().keys() == {"read"}
    return first, second


def settle(*devices):
    """Rounds until all have heard of all."""
    for _ in range(2):
        for device in devices:
            device.sync()


def test_what_one_makes_the_other_has(pair):
    first, second = pair
    first.call("insert", "progress", [day(4), day(6)])
    settle(first, second)
    second.call("patch", "progress", "read:2026-01-07", {"note": "late"})
    settle(second, first)

    assert first.rows() == second.rows()
    assert first.rows("progress") == second.rows("progress")
    row = first.rows("progress")["read:2026-01-07"]
    assert (row["note"], row["streak"]) == ("late", 2)


def test_edits_of_different_fields_are_merged(pair):
    first, second = pair
    first.call("patch", "habits", "read", {"name": "Read more"})
    second.call("patch", "habits", "read", {"description": "20 pages"})
    settle(first, second)

    assert first.rows() == second.rows()
    row = first.rows()["read"]
    assert (row["name"], row["description"]) == ("Read more", "20 pages")


def test_of_edits_of_one_field_the_later_to_arrive_stays(pair):
    first, second = pair
    first.call("patch", "habits", "read", {"name": "First"})
    second.call("patch", "habits", "read", {"name": "Second"})
    settle(first, second)

    assert first.rows() == second.rows()
    assert first.rows()["read"]["name"] == "Second"


def test_a_second_edit_after_a_round_is_not_lost(pair):
    """The server's own columns changed in between: that is no conflict."""
    first, second = pair
    first.call("insert", "progress", [day(6)])
    first.sync()
    second.call("insert", "progress", [day(4)])
    second.sync()
    first.call("patch", "progress", "read:2026-01-07", {"note": "once"})
    first.sync()
    first.call("patch", "progress", "read:2026-01-07", {"note": "twice"})
    settle(first, second)

    assert first.rows("progress") == second.rows("progress")
    row = second.rows("progress")["read:2026-01-07"]
    assert (row["note"], row["streak"]) == ("twice", 2)


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_deletion_wins_over_an_edit(pair, deleted_first):
    first, second = pair
    first.call("insert", "progress", [day(4)])
    settle(first, second)
    first.call("remove", "habits", "read")
    second.call("patch", "habits", "read", {"name": "Edited"})
    second.call("insert", "progress", [day(6)])
    settle(*(pair if deleted_first else reversed(pair)))
    settle(*pair)

    for device in pair:
        assert device.rows() == {}
        assert device.rows("progress") == {}


def test_a_day_whose_habit_was_deleted_before_it_went_up_stops_nothing(kind, pair):
    first, second = pair
    first.call("insert", "habits", [habit(kind, "brief")])
    first.call("insert", "progress", [day(4, "brief"), day(4)])
    first.call("remove", "habits", "brief")
    settle(first, second)

    for device in pair:
        assert device.rows().keys() == {"read"}
        assert device.rows("progress").keys() == {day(4)["id"]}


def test_both_make_the_same_day(kind, pair):
    """What then stays is the client's rule; that it is the same everywhere is ours."""
    first, second = pair
    first.call("insert", "progress", [day(4, note="first")])
    second.call("insert", "progress", [day(4, note="second")])
    settle(first, second)

    assert first.rows("progress") == second.rows("progress")
    assert first.rows("progress")["read:2026-01-05"]["note"] == (
        "second" if kind == "rxdb" else "first"
    )


def test_clocks_that_are_wrong_by_a_day_change_nothing(kind, new_device):
    day_ms = 86_400_000
    fast = new_device(CLOCK_OFFSET_MS=str(day_ms))
    slow = new_device(CLOCK_OFFSET_MS=str(-day_ms))
    fast.call("insert", "habits", [habit(kind)])
    settle(fast, slow)
    fast.call("patch", "habits", "read", {"name": "Earlier", "description": "kept"})
    fast.sync()
    slow.call("patch", "habits", "read", {"name": "Later"})
    settle(slow, fast)

    assert fast.rows() == slow.rows()
    row = fast.rows()["read"]
    assert (row["name"], row["description"]) == ("Later", "kept")


@pytest.mark.parametrize("kind", ["rxdb"], indirect=True)
def test_collections_replicate_side_by_side(kind, new_device):
    """RxDB may push a day before its habit; it tries again."""
    first, second = new_device(), new_device()
    first.call("insert", "progress", [day(4)])
    first.call("insert", "habits", [habit(kind)])
    first.call("live")
    second.call("live")
    second.call("patch", "habits", "read", {"name": "Live"})
    second.call("resync")
    first.call("resync")

    assert first.rows() == second.rows()
    assert first.rows()["read"]["name"] == "Live"
    assert first.rows("progress").keys() == {"read:2026-01-05"}
