"""A user, and a small kitchen of content whose numbers are easy to reckon with."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Account

ADMIN = "/v1/admin/content"
PROFILE = {
    "sex": "male",
    "birth_year": 1990,
    "height_cm": 180,
    "weight_kg": 80,
    "activity": "moderate",
    "sport": "strength",
    "goal": "maintain",
}
PLAN = {"id": "week", "name": "Week", "start_date": "2026-01-05"}
Call = Callable[..., TestResponse]


def text(title: str) -> dict[str, str]:
    return {"en": title, "sr": f"{title} (ћир)", "sr-Latn": f"{title} (lat)"}


def ingredient(title: str, *amounts: float, **more: Any) -> dict[str, Any]:
    names = ("energy_kcal", "protein_g", "carbohydrate_g", "fat_g", "fiber_g")
    return {"title": text(title), **dict(zip(names, amounts, strict=True)), **more}


def meal(title: str, **grams: int) -> dict[str, Any]:
    items = [{"ingredient": name, "grams": amount} for name, amount in grams.items()]
    return {
        "title": text(title),
        "instructions": text("Cook."),
        "minutes": 10,
        "ingredients": items,
    }


def offer(store: str, grams: int, amount: int, currency: str = "RSD") -> dict[str, Any]:
    return {
        "store": store,
        "package_grams": grams,
        "amount_minor": amount,
        "currency": currency,
    }


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    return register()


@pytest.fixture
def call(user: Account) -> Call:
    """Send a request of the user; `If_Match` and such become headers."""

    def send(method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return user.client.open(
            f"/v1/nutrition{path}", method=method, json=json, headers={**user.headers, **named}
        )

    return send


@pytest.fixture
def write(admin: Account) -> Callable[..., None]:
    """Write a document of the content; None takes it away."""

    def put(collection: str, name: str, data: dict[str, Any] | None, **fields: Any) -> None:
        path = f"{ADMIN}/{collection}/{name}"
        if data is None:
            answer = admin.client.delete(path, headers=admin.headers)
        else:
            answer = admin.client.put(path, json={"data": data, **fields}, headers=admin.headers)
        assert answer.status_code in (200, 201, 204), answer.text

    return put


@pytest.fixture
def kitchen(write: Callable[..., None]) -> Callable[..., None]:
    """Oats, milk and porridge, and two stores; returns what writes more."""
    write("ingredients", "oats", ingredient("Oats", 400, 10, 60, 8, 10, allergens=["gluten"]))
    write("ingredients", "milk", ingredient("Milk", 60, 3, 5, 3, 0, allergens=["milk"]))
    write("meals", "porridge", meal("Porridge", oats=50, milk=200), tags=["breakfast"])
    for store in ("corner", "market"):
        write("stores", store, {"title": text(store), "city": text("Town"), "country": "RS"})
    return write


@pytest.fixture
def plan(call: Call) -> dict[str, Any]:
    answer = call("POST", "/plans", PLAN)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.fixture
def put_meal(call: Call, plan: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Put a meal into the plan."""

    def put(meal_id: str = "porridge", day: int = 1, **fields: Any) -> dict[str, Any]:
        body = {"day": day, "slot": "breakfast", "meal_id": meal_id, **fields}
        answer = call("POST", "/plans/week/meals", body)
        assert answer.status_code == 201, answer.text
        row: dict[str, Any] = answer.get_json()
        return row

    return put
