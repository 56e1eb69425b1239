"""Progress by day, and the streaks kept with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.conftest import Account
from tests.products.habits.test_habits import call, create

DONE = {"completed": True}


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    account = register()
    create(account)
    return account


def done(user: Account, day: str, completed: bool = True, habit: str = "run") -> Any:
    path = f"/v1/habits/{habit}/progress/{day}"
    return call(user, "PUT", path, {"completed": completed})


def streaks(user: Account, habit: str = "run") -> dict[str, int]:
    items = call(user, "GET", f"/v1/habits/{habit}/progress?limit=100").get_json()["items"]
    return {item["date"]: item["streak"] for item in items}


def test_a_day_is_recorded_replaced_and_deleted(user: Account) -> None:
    path = "/v1/habits/run/progress/2026-01-05"
    first = call(user, "PUT", path, {"completed": True, "note": "rain"})
    assert (first.status_code, first.get_json()["id"]) == (201, "run:2026-01-05")
    again = call(user, "PUT", path, {"completed": True, "note": "rain"})
    assert (again.status_code, again.headers["ETag"]) == (200, first.headers["ETag"])
    other = call(user, "PUT", path, {"completed": False})
    assert (other.status_code, other.get_json()["note"]) == (200, "")
    stale = call(user, "PUT", path, {"completed": True}, If_Match=first.headers["ETag"])
    assert stale.status_code == 412
    assert call(user, "DELETE", path).status_code == 204
    assert call(user, "GET", path).status_code == 404
    assert call(user, "PUT", path, DONE).status_code == 201


def test_a_late_day_joins_two_streaks(user: Account) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05"):
        done(user, day)
    assert streaks(user)["2026-01-05"] == 2
    done(user, "2026-01-03")
    assert list(streaks(user).values()) == [1, 2, 3, 4, 5]
    call(user, "DELETE", "/v1/habits/run/progress/2026-01-02")
    assert list(streaks(user).values()) == [1, 1, 2, 3]


def test_only_rows_whose_streak_changes_get_a_new_revision(user: Account) -> None:
    for day in ("2026-01-01", "2026-01-10"):
        done(user, day)
    before = call(user, "GET", "/v1/habits/run/progress/2026-01-10").headers["ETag"]
    done(user, "2026-01-02")
    after = call(user, "GET", "/v1/habits/run/progress/2026-01-10").headers["ETag"]
    assert before == after


def test_a_new_schedule_recomputes_the_streaks(user: Account) -> None:
    for day in ("2026-01-05", "2026-01-07", "2026-01-09"):  # Monday, Wednesday, Friday
        done(user, day)
    assert list(streaks(user).values()) == [1, 1, 1]
    call(user, "PATCH", "/v1/habits/run", {"schedule": "weekdays", "weekdays": [1, 3, 5]})
    assert list(streaks(user).values()) == [1, 2, 3]


def test_deleting_a_habit_deletes_its_progress(user: Account) -> None:
    done(user, "2026-01-01")
    call(user, "DELETE", "/v1/habits/run")
    assert call(user, "GET", "/v1/progress").get_json()["items"] == []
    create(user)
    assert streaks(user) == {}


@pytest.mark.parametrize("day", ["2026-02-30", "1999-01-01", "2101-01-01", "today", "20260101"])
def test_an_impossible_day_is_not_found(user: Account, day: str) -> None:
    assert done(user, day).status_code == 404


def test_all_habits_by_date(user: Account) -> None:
    create(user, id="eat")
    for day in ("2026-01-02", "2026-01-01"):
        for habit in ("run", "eat"):
            done(user, day, habit=habit)
    query = "/v1/progress?start=2026-01-01&end=2026-01-02&limit=3"
    first = call(user, "GET", query).get_json()
    second = call(user, "GET", f"{query}&after={first['next']}").get_json()
    assert [item["id"] for item in first["items"] + second["items"]] == [
        "eat:2026-01-01",
        "run:2026-01-01",
        "eat:2026-01-02",
        "run:2026-01-02",
    ]
    assert second["next"] is None
    assert call(user, "GET", "/v1/progress?after=WyJ4IiwieSJd").status_code == 422


def test_statistics_use_the_users_day(user: Account) -> None:
    # Two zones that never have the same date at the same time.
    seen = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        call(user, "PATCH", "/v1/accounts/me", {"time_zone": zone})
        seen.add(call(user, "GET", "/v1/habits/run/statistics").get_json()["today"])
    assert len(seen) == 2


def test_statistics(user: Account) -> None:
    today = datetime.now(UTC).date()
    for back in (1, 2, 3, 5):
        done(user, str(today - timedelta(days=back)))
    figures = call(user, "GET", "/v1/habits/run/statistics").get_json()
    assert (figures["current_streak"], figures["best_streak"]) == (3, 3)
    assert (figures["completed_days"], figures["unit"]) == (4, "days")
    assert sum(week["done"] for week in figures["weeks"]) == 4


@pytest.mark.parametrize(
    "query", ["start=2026-02-01&end=2026-01-01", "start=2020-01-01", "start=yesterday"]
)
def test_a_bad_range_is_refused(user: Account, query: str) -> None:
    answer = call(user, "GET", f"/v1/habits/run/statistics?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "start"


def test_devices_that_write_at_once_neither_fail_nor_lose(user: Account) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 29)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda day: done(user, day).status_code, days))
    assert answers == [201] * len(days)
    assert list(streaks(user).values()) == list(range(1, 29))


def test_a_condition_on_a_day_that_is_not_there_fails(user: Account) -> None:
    path = "/v1/habits/run/progress/2026-01-05"
    assert call(user, "PUT", path, DONE, If_Match='"999"').status_code == 412
    etag = call(user, "PUT", path, DONE).headers["ETag"]
    call(user, "DELETE", path)
    # Another device has deleted it meanwhile; that must not be undone unseen.
    assert call(user, "PUT", path, DONE, If_Match=etag).status_code == 412


def test_a_day_can_be_made_only_if_it_is_not_there(user: Account) -> None:
    path = "/v1/habits/run/progress/2026-01-05"
    assert call(user, "PUT", path, DONE, If_None_Match="*").status_code == 201
    refused = call(user, "PUT", path, {"completed": False}, If_None_Match="*")
    assert refused.status_code == 412
    assert refused.get_json()["current"]["completed"] is True


def test_a_weak_etag_serves_as_condition(user: Account) -> None:
    path = "/v1/habits/run/progress/2026-01-05"
    etag = call(user, "PUT", path, DONE).headers["ETag"]
    # A proxy that compresses an answer weakens its ETag.
    answer = call(user, "PUT", path, {"completed": False}, If_Match=f"W/{etag}")
    assert answer.status_code == 200


def test_a_repeat_takes_no_revision(user: Account, owner_connection: Connection) -> None:
    def counter() -> int:
        row = owner_connection.execute("SELECT rev FROM sync_state").fetchone()
        assert row
        return int(row[0])

    done(user, "2026-01-05")
    before = counter()
    done(user, "2026-01-05")
    assert counter() == before


def test_statistics_leave_out_days_to_come(user: Account) -> None:
    today = datetime.now(UTC).date()
    for day in (today + timedelta(days=days) for days in (2, 3, 4)):
        done(user, day.isoformat())
    figures = call(user, "GET", "/v1/habits/run/statistics").get_json()
    assert (figures["best_streak"], figures["completed_days"]) == (0, 0)
