"""Habits through the API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask

from tests.conftest import Account

HABIT = {"id": "run", "name": "Run", "start_date": "2026-01-01"}


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    return register()


def call(user: Account, method: str, path: str, json: Any = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return user.client.open(path, method=method, json=json, headers={**user.headers, **named})


def create(user: Account, **changes: Any) -> dict[str, Any]:
    answer = call(user, "POST", "/v1/habits", {**HABIT, **changes})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def test_a_habit_is_created_shown_changed_and_deleted(user: Account) -> None:
    assert create(user)["rev"] == 1
    shown = call(user, "GET", "/v1/habits/run")
    assert (shown.status_code, shown.headers["ETag"]) == (200, '"1"')
    changed = call(user, "PATCH", "/v1/habits/run", {"name": "Walk", "active": False})
    assert changed.get_json()["name"] == "Walk"
    assert changed.headers["ETag"] == '"2"'
    assert call(user, "DELETE", "/v1/habits/run").status_code == 204
    assert call(user, "GET", "/v1/habits/run").status_code == 404
    assert call(user, "DELETE", "/v1/habits/run").status_code == 404


def test_a_repeat_after_a_lost_reply_does_no_harm(user: Account) -> None:
    create(user)
    again = call(user, "POST", "/v1/habits", HABIT)
    assert (again.status_code, again.get_json()["rev"]) == (200, 1)
    other = call(user, "POST", "/v1/habits", {**HABIT, "name": "Other"})
    assert other.status_code == 409


def test_a_deleted_habit_comes_back_with_new_content(user: Account) -> None:
    create(user)
    call(user, "DELETE", "/v1/habits/run")
    assert create(user, name="Again")["name"] == "Again"


def test_the_id_is_made_when_missing(user: Account) -> None:
    first, second = create(user, id=None), create(user, id=None)
    assert first["id"] != second["id"]


def test_a_stale_if_match_gets_the_current_row(user: Account) -> None:
    create(user)
    call(user, "PATCH", "/v1/habits/run", {"name": "Walk"})
    for method, body in (("PATCH", {"name": "Late"}), ("DELETE", None)):
        refused = call(user, method, "/v1/habits/run", body, If_Match='"1"')
        assert refused.status_code == 412
        assert refused.get_json()["current"]["name"] == "Walk"
    accepted = call(user, "PATCH", "/v1/habits/run", {"name": "Swim"}, If_Match='"2"')
    assert accepted.status_code == 200


def test_an_unchanged_row_is_not_sent_again(user: Account) -> None:
    create(user)
    answer = call(user, "GET", "/v1/habits/run", If_None_Match='"1"')
    assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"start_date": "1999-12-31"}, "start_date"),
        ({"schedule": "weekdays"}, "weekdays"),
        ({"schedule": "weekdays", "weekdays": [0]}, "weekdays.0"),
        ({"schedule": "weekly", "times_per_week": 8}, "times_per_week"),
        ({"schedule": "weekly"}, "times_per_week"),
        ({"schedule": "daily", "times_per_week": 2}, "times_per_week"),
        ({"id": "a/b"}, "id"),
        ({"colour": "red"}, "colour"),
        ({"name": "a\0b"}, "name"),
        ({"name": "Run", "description": "a\0b"}, "description"),
    ],
)
def test_each_fault_is_named(user: Account, changes: dict[str, Any], field: str) -> None:
    answer = call(user, "POST", "/v1/habits", {**HABIT, **changes})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_a_new_schedule_takes_the_old_ones_fields_along(user: Account) -> None:
    create(user, schedule="weekdays", weekdays=[5, 1, 1])
    shown = call(user, "GET", "/v1/habits/run").get_json()
    assert shown["weekdays"] == [1, 5]
    daily = call(user, "PATCH", "/v1/habits/run", {"schedule": "daily"}).get_json()
    assert daily["weekdays"] is None
    refused = call(user, "PATCH", "/v1/habits/run", {"schedule": "weekly"})
    assert refused.status_code == 422
    fault = {"field": "times_per_week", "detail": "is required with the schedule `weekly`"}
    assert refused.get_json()["errors"] == [fault]


def test_pages_are_complete_and_stable(user: Account) -> None:
    for number in range(5):
        create(user, id=f"h{number}")
    seen: list[str] = []
    after = ""
    while after is not None:
        query = f"?limit=2&after={after}" if after else "?limit=2"
        page = call(user, "GET", f"/v1/habits{query}").get_json()
        seen += [habit["id"] for habit in page["items"]]
        if len(seen) == 2:
            create(user, id="h00-between")
        after = page["next"]
    # What is made behind the cursor is not seen any more; nothing is left out or repeated.
    assert seen == ["h0", "h1", "h2", "h3", "h4"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "after=%25", "after=WzFd", "x=1"])
def test_a_bad_query_is_refused(user: Account, query: str) -> None:
    assert call(user, "GET", f"/v1/habits?{query}").status_code == 422


def test_inactive_habits_are_filtered(user: Account) -> None:
    create(user, id="on")
    create(user, id="off", active=False)
    found = call(user, "GET", "/v1/habits?active=false").get_json()["items"]
    assert [habit["id"] for habit in found] == ["off"]


def test_another_user_gets_404_everywhere(user: Account, register: Callable[..., Account]) -> None:
    create(user)
    call(user, "PUT", "/v1/habits/run/progress/2026-01-01", {"completed": True})
    other = register()
    for method, path, body in (
        ("GET", "/v1/habits/run", None),
        ("PATCH", "/v1/habits/run", {"name": "x"}),
        ("DELETE", "/v1/habits/run", None),
        ("GET", "/v1/habits/run/statistics", None),
        ("GET", "/v1/habits/run/progress", None),
        ("GET", "/v1/habits/run/progress/2026-01-01", None),
        ("PUT", "/v1/habits/run/progress/2026-01-01", {"completed": True}),
        ("DELETE", "/v1/habits/run/progress/2026-01-01", None),
    ):
        assert call(other, method, path, body).status_code == 404, (method, path)
    assert call(other, "GET", "/v1/progress").get_json()["items"] == []


def test_the_first_request_sent_several_times_at_once_does_no_harm(
    register: Callable[..., Account], app: APIFlask
) -> None:
    for _ in range(5):
        user = register()
        body = {"id": "run", "name": "Run", "start_date": "2026-01-01"}

        def send(_: int, user: Account = user, body: dict[str, str] = body) -> int:
            client = app.test_client()
            return client.post("/v1/habits", json=body, headers=user.headers).status_code

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(send, range(4))) == [200, 200, 200, 201]


@pytest.mark.parametrize(
    "fields",
    [
        {"active": 1},
        {"active": "true"},
        {"schedule": "weekly", "times_per_week": "3"},
        {"schedule": "weekly", "times_per_week": 3.0},
        {"start_date": 1767225600},
    ],
    ids=str,
)
def test_json_types_are_taken_as_they_are(user: Account, fields: dict[str, Any]) -> None:
    body = {"name": "Run", "start_date": "2026-01-01", **fields}
    assert call(user, "POST", "/v1/habits", body).status_code == 422
