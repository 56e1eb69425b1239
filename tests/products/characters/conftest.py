"""Characters with the content that comes with the product."""

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from app.content import seeds
from tests.conftest import Account

SCORES = {"power": 6, "swiftness": 6, "stamina": 6, "reason": 3, "instinct": 6, "charm": 6}
CHARACTER = {
    "id": "mira",
    "name": "Mira",
    "race_id": "harrowen",
    "archetype_id": "trailreader",
    "abilities": SCORES,
}
Call = Callable[..., TestResponse]


@pytest.fixture(autouse=True)
def content(app: APIFlask) -> None:
    """The races, archetypes and items, as a release brings them."""
    with app.app_context():
        seeds.load_seeds()


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    return register()


@pytest.fixture
def call(user: Account) -> Call:
    """Send a request of the user; `If_Match` and such become headers."""

    def send(
        method: str,
        path: str,
        json: Any = None,
        account: Account = user,
        data: bytes | None = None,
        **headers: str,
    ) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return account.client.open(
            path, method=method, json=json, data=data, headers={**account.headers, **named}
        )

    return send


@pytest.fixture
def create(call: Call) -> Callable[..., dict[str, Any]]:
    """Create a character, Mira unless the changes say otherwise."""

    def make(**changes: Any) -> dict[str, Any]:
        answer = call("POST", "/v1/characters", {**CHARACTER, **changes})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    return make


@pytest.fixture
def carry(call: Call) -> Callable[..., None]:
    """Let Mira carry items, one of each unless said otherwise."""

    def put(*item_ids: str, quantity: int = 1) -> None:
        for item_id in item_ids:
            path = f"/v1/characters/mira/items/{item_id}"
            answer = call("PUT", path, {"quantity": quantity})
            assert answer.status_code in (200, 201), answer.text

    return put


@pytest.fixture
def wear(call: Call) -> Call:
    """Put an item into a slot of Mira's."""

    def put(slot: str, item_id: str, **headers: str) -> TestResponse:
        return call("PUT", f"/v1/characters/mira/equipment/{slot}", {"item_id": item_id}, **headers)

    return put


@pytest.fixture
def statistics(call: Call) -> Callable[[], dict[str, Any]]:
    """Mira's statistics."""

    def read() -> dict[str, Any]:
        answer = call("GET", "/v1/characters/mira/statistics")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    return read


def assert_problem(
    answer: TestResponse, status: int, word: str, field: str | None = None
) -> dict[str, Any]:
    """It is a problem of this word, about this field; returns its body."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.get_json()
    assert body["type"] == f"urn:fivebox:problem:{word}"
    if field is not None:
        assert [error["field"] for error in body["errors"]] == [field]
    return body
