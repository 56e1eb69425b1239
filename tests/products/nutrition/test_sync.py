"""Nutrition through the sync adapters: what follows from a push, and what is refused."""

from typing import Any

import pytest

from app.products.nutrition import service
from tests.conftest import Account
from tests.products.nutrition.conftest import PLAN, PROFILE, Call
from tests.sync.conftest import Rxdb, Watermelon
from tests.sync.test_rxdb import problem

WEEK = {**PLAN, "note": "", "_deleted": False}


def profile(**changes: Any) -> dict[str, Any]:
    return {"id": "profile", **PROFILE, "_deleted": False, **changes}


def meal(row_id: str = "first", **changes: Any) -> dict[str, Any]:
    return {
        "id": row_id,
        "plan_id": "week",
        "day": 1,
        "slot": "lunch",
        "meal_id": "porridge",
        "servings": 1.5,
        "changes": {"oats": 70},
        "_deleted": False,
        **changes,
    }


@pytest.fixture
def device(user: Account) -> Rxdb:
    return Rxdb(user)


def test_a_plan_made_offline_counts(
    device: Rxdb, call: Call, user: Account, kitchen: object
) -> None:
    device.store("nutrition_profiles", (profile(), None))
    device.store("meal_plans", (WEEK, None))
    device.store("plan_meals", (meal(), None))

    assert call("GET", "/profile").get_json()["sport"] == "strength"
    totals = call("GET", "/plans/week/totals").get_json()
    assert totals["mean"]["energy_kcal"] == 1.5 * (70 * 4 + 200 * 0.6)
    assert Rxdb(user).documents("plan_meals") == {"first": meal()}


def test_a_deleted_plan_takes_its_meals_along(device: Rxdb, user: Account) -> None:
    device.store("meal_plans", (WEEK, None))
    device.store("plan_meals", (meal(), None), (meal("second"), None))

    device.store("meal_plans", ({**WEEK, "_deleted": True}, WEEK))

    found = Rxdb(user).documents("plan_meals")
    assert [row["_deleted"] for row in found.values()] == [True, True]


def test_there_is_one_profile(device: Rxdb) -> None:
    assert problem(device.push("nutrition_profiles", (profile(id="second"), None)))[0] == 422


@pytest.mark.parametrize(
    ("collection", "row"),
    [
        ("nutrition_profiles", profile(weight_kg=700)),
        ("nutrition_profiles", profile(goal="lose", weight_kg=60)),
        ("plan_meals", meal(servings=0.3)),
        ("plan_meals", meal(day=29)),
        ("plan_meals", meal(changes={"oats": -1})),
    ],
    ids=str,
)
def test_the_rules_of_the_fields_hold(device: Rxdb, collection: str, row: dict[str, Any]) -> None:
    device.store("meal_plans", (WEEK, None))

    assert problem(device.push(collection, (row, None))) == (422, "invalid-input")


def test_watermelondb_keeps_changes_as_text(user: Account, call: Call, kitchen: object) -> None:
    device = Watermelon(user)
    device.pull()
    plan = {name: value for name, value in WEEK.items() if name != "_deleted"}
    row = {name: value for name, value in meal(changes='{"oats":70}').items() if name != "_deleted"}

    answer = device.push(
        {
            "plan_meals": {"created": [row], "updated": [], "deleted": []},
            "meal_plans": {"created": [plan], "updated": [], "deleted": []},
        }
    )

    assert answer.status_code == 204, answer.text
    assert call("GET", "/plans/week/meals/first").get_json()["changes"] == {"oats": 70}
    (found,) = Watermelon(user).changes()["plan_meals"]["updated"]
    assert found["changes"].replace(" ", "") == '{"oats":70}'


def test_a_plan_can_be_full(
    device: Rxdb, user: Account, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_MEALS", 2)
    device.store("meal_plans", (WEEK, None), ({**WEEK, "id": "other"}, None))
    device.store("plan_meals", (meal(), None), (meal("other", plan_id="other"), None))

    refused = device.push("plan_meals", (meal("second"), None), (meal("third"), None))

    assert problem(refused) == (409, "plan-full")
    assert refused.get_json()["limit"] == 2
    assert len(call("GET", "/plans/week/meals").get_json()["items"]) == 1
    device.store("plan_meals", (meal("second"), None), (meal(servings=2.0), meal()))
    moved = device.push("plan_meals", (meal("other"), meal("other", plan_id="other")))
    assert problem(moved) == (409, "plan-full")
    device.store("plan_meals", (meal(_deleted=True), meal(servings=2.0)), (meal("third"), None))


def test_a_plan_can_be_full_for_watermelondb_too(
    user: Account, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_MEALS", 1)
    device = Watermelon(user)
    device.pull()
    plan = {name: value for name, value in WEEK.items() if name != "_deleted"}
    rows = [
        {name: value for name, value in meal(row_id, changes="{}").items() if name != "_deleted"}
        for row_id in ("first", "second")
    ]

    answer = device.push(
        {
            "meal_plans": {"created": [plan], "updated": [], "deleted": []},
            "plan_meals": {"created": rows, "updated": [], "deleted": []},
        }
    )

    assert problem(answer) == (409, "plan-full")
    assert call("GET", "/plans/week").status_code == 404
