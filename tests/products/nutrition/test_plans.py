"""Meal plans and their meals, through the API."""

import pytest

from app.products.nutrition import service
from tests.products.nutrition.conftest import PLAN, meal


def test_a_plan_is_created_shown_changed_and_deleted(call, plan):
    assert (plan["rev"], plan["note"]) == (1, "")
    shown = call("GET", "/plans/week")
    assert (shown.status_code, shown.headers["ETag"]) == (200, '"1"')
    assert call("GET", "/plans/week", If_None_Match='"1"').status_code == 304
    changed = call("PATCH", "/plans/week", {"name": "Camp", "note": "High"})
    assert changed.get_json().items() >= {"name": "Camp", "note": "High", "rev": 2}.items()
    assert call("DELETE", "/plans/week").status_code == 204
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert call(method, "/plans/week", body).status_code == 404


def test_a_repeat_after_a_lost_reply_does_no_harm(call, plan):
    again = call("POST", "/plans", PLAN)
    assert (again.status_code, again.get_json()["rev"]) == (200, 1)
    assert call("POST", "/plans", {**PLAN, "name": "Other"}).status_code == 409


def test_a_stale_if_match_gets_the_current_plan(call, plan):
    call("PATCH", "/plans/week", {"name": "Camp"})
    for method, body in (("PATCH", {"name": "Late"}), ("DELETE", None)):
        refused = call(method, "/plans/week", body, If_Match='"1"')
        assert refused.status_code == 412
        assert refused.get_json()["current"]["name"] == "Camp"


def test_plans_come_in_pages(call):
    for name in "abc":
        call("POST", "/plans", {**PLAN, "id": name})
    first = call("GET", "/plans?limit=2").get_json()
    second = call("GET", f"/plans?limit=2&after={first['next']}").get_json()

    assert [plan["id"] for plan in first["items"] + second["items"]] == ["a", "b", "c"]
    assert second["next"] is None


def test_ids_are_made_when_missing(kitchen, call, put_meal):
    plans = {call("POST", "/plans", {**PLAN, "id": None}).get_json()["id"] for _ in range(2)}

    assert len(plans) == 2
    assert put_meal()["id"] != put_meal()["id"]


def test_a_meal_is_planned_shown_changed_and_taken_out(kitchen, call, put_meal):
    row = put_meal(id="first", servings=1.5, changes={"oats": 80})
    assert row.items() >= {"plan_id": "week", "servings": 1.5, "changes": {"oats": 80}}.items()
    path = "/plans/week/meals/first"
    shown = call("GET", path)
    assert (shown.status_code, shown.headers["ETag"]) == (200, f'"{row["rev"]}"')
    changed = call("PATCH", path, {"day": 2, "changes": {}})
    assert changed.get_json().items() >= {"day": 2, "changes": {}, "servings": 1.5}.items()
    for method, body in (("PATCH", {"day": 3}), ("DELETE", None)):
        refused = call(method, path, body, If_Match=shown.headers["ETag"])
        assert refused.status_code == 412
        assert refused.get_json()["current"]["day"] == 2
    assert call("DELETE", path).status_code == 204
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert call(method, path, body).status_code == 404
    assert put_meal(id="first", servings=3)["servings"] == 3


def test_a_repeated_meal_does_no_harm_even_when_the_content_is_gone(kitchen, call, put_meal):
    row = put_meal(id="first")
    kitchen("meals", "porridge", None)
    body = {"id": "first", "day": 1, "slot": "breakfast", "meal_id": "porridge"}
    again = call("POST", "/plans/week/meals", body)

    assert (again.status_code, again.get_json()["rev"]) == (200, row["rev"])
    assert call("POST", "/plans/week/meals", {**body, "day": 2}).status_code == 409


def test_an_id_belongs_to_one_plan(kitchen, call, put_meal):
    put_meal(id="first")
    call("POST", "/plans", {**PLAN, "id": "other"})
    body = {"id": "first", "day": 1, "slot": "breakfast", "meal_id": "porridge"}

    assert call("POST", "/plans/other/meals", body).status_code == 409
    assert call("GET", "/plans/other/meals/first").status_code == 404


def test_deleting_a_plan_takes_its_meals_along(kitchen, call, put_meal, owner_connection):
    put_meal(id="first")
    put_meal(id="second")
    call("DELETE", "/plans/week/meals/second")
    rows = "SELECT id, rev, deleted_at IS NOT NULL FROM user_plan_meals ORDER BY id"
    before = owner_connection.execute(rows).fetchall()
    call("DELETE", "/plans/week")
    after = owner_connection.execute(rows).fetchall()

    assert [row[2] for row in before] == [False, True]
    assert [row[2] for row in after] == [True, True]
    assert after[0][1] > before[0][1]
    assert after[1] == before[1]
    call("POST", "/plans", PLAN)
    assert call("GET", "/plans/week/meals").get_json()["items"] == []


def test_meals_come_by_day_in_pages(kitchen, call, put_meal):
    for name, day in (("a", 10), ("b", 2), ("c", 2), ("d", 1)):
        put_meal(id=name, day=day)
    seen, after = [], ""
    while after is not None:
        page = call("GET", f"/plans/week/meals?limit=1{after and f'&after={after}'}").get_json()
        seen += [row["id"] for row in page["items"]]
        after = page["next"]

    assert seen == ["d", "b", "c", "a"]
    of_day = call("GET", "/plans/week/meals?day=2").get_json()["items"]
    assert [row["id"] for row in of_day] == ["b", "c"]


@pytest.mark.parametrize("cursor", ["x", "WyJhIiwiYiJdCg", "WyIxMjM0IiwiYiJd", "WyIxIl0"])
def test_a_cursor_of_another_list_is_refused(call, plan, cursor):
    assert call("GET", f"/plans/week/meals?after={cursor}").status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"day": 0}, "day"),
        ({"day": 29}, "day"),
        ({"slot": "brunch"}, "slot"),
        ({"servings": 0}, "servings"),
        ({"servings": 0.3}, "servings"),
        ({"servings": 21}, "servings"),
        ({"meal_id": "none"}, "meal_id"),
        ({"meal_id": "No Slug"}, "meal_id"),
        ({"changes": {"oats": -1}}, "changes.oats"),
        ({"changes": {"oats": 5001}}, "changes.oats"),
        ({"changes": {"oats": 1.5}}, "changes.oats"),
        ({"changes": {"none": 1}}, "changes.none"),
        ({"changes": {f"i-{n}": 1 for n in range(31)}}, "changes"),
    ],
    ids=str,
)
def test_what_is_no_meal_is_refused(kitchen, call, put_meal, changes, field):
    put_meal(id="first")
    body = {"day": 1, "slot": "breakfast", "meal_id": "porridge", **changes}
    created = call("POST", "/plans/week/meals", body)
    updated = call("PATCH", "/plans/week/meals/first", changes)

    for answer in (created, updated):
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == field


def test_the_content_that_a_change_does_not_name_is_not_asked_for(kitchen, call, put_meal):
    put_meal(id="first")
    kitchen("meals", "porridge", None)

    assert call("PATCH", "/plans/week/meals/first", {"servings": 2}).status_code == 200


def test_a_plan_can_be_full(kitchen, call, put_meal, monkeypatch):
    monkeypatch.setattr(service, "MAX_MEALS", 2)
    put_meal(id="first")
    put_meal()
    body = {"day": 1, "slot": "breakfast", "meal_id": "porridge"}

    refused = call("POST", "/plans/week/meals", body)
    assert (refused.status_code, refused.get_json()["limit"]) == (409, 2)
    assert refused.get_json()["type"] == "urn:fivebox:problem:plan-full"
    assert call("POST", "/plans/week/meals", {**body, "id": "first"}).status_code == 200
    call("DELETE", "/plans/week/meals/first")
    assert call("POST", "/plans/week/meals", body).status_code == 201


def test_another_user_gets_404_everywhere(kitchen, call, put_meal, register):
    put_meal(id="first")
    kitchen("meals", "soup", meal("Soup", milk=1))
    other = register()
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/totals", None),
        ("GET", "/basket", None),
        ("GET", "/meals", None),
        ("POST", "/meals", {"day": 1, "slot": "snack", "meal_id": "soup"}),
        ("GET", "/meals/first", None),
        ("PATCH", "/meals/first", {"day": 2}),
        ("DELETE", "/meals/first", None),
    ):
        answer = other.client.open(
            f"/v1/nutrition/plans/week{path}", method=method, json=body, headers=other.headers
        )
        assert answer.status_code == 404, (method, path)
    mine = other.client.get("/v1/nutrition/plans", headers=other.headers)
    assert mine.get_json()["items"] == []
    # The same ids are free to others.
    created = other.client.post("/v1/nutrition/plans", json=PLAN, headers=other.headers)
    assert created.status_code == 201
