"""The races, archetypes and items, and what becomes of characters when content goes."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from app.products.characters.content import SLOTS, Item
from app.settings import Environment
from tests.conftest import Account
from tests.products.characters.conftest import CHARACTER, Call, assert_problem

PATH = "/v1/characters/mira"
RARITIES = {"common", "uncommon", "rare", "epic", "legendary"}


@pytest.fixture
def documents(client: Any) -> Callable[[str], dict[str, Any]]:
    """The published documents of a collection, in German."""

    def read(collection: str) -> dict[str, Any]:
        answer = client.get(f"/v1/content/{collection}?limit=100&locale=de")
        return {item["id"]: item for item in answer.get_json()["items"]}

    return read


@pytest.fixture
def withdraw(register_admin: Callable[[], Account]) -> Callable[[str, str], None]:
    """Take a document away, as an administrator does."""
    admin = register_admin()

    def delete(collection: str, document_id: str) -> None:
        path = f"/v1/admin/content/{collection}/{document_id}"
        assert admin.client.delete(path, headers=admin.headers).status_code == 204

    return delete


def test_there_is_enough_to_play_with(documents: Callable[[str], dict[str, Any]]) -> None:
    races, archetypes, items = (documents(name) for name in ("races", "archetypes", "items"))
    assert (len(races), len(archetypes)) == (6, 8)
    assert len(items) >= 40
    for found in (races, archetypes, items):
        assert {document["locale"] for document in found.values()} == {"de"}
    assert {item["data"]["rarity"] for item in items.values()} == RARITIES
    worn = {slot for i in items.values() for slot in _places(i).fits}
    assert worn == set(SLOTS)


def test_requirements_name_what_there_is(documents: Callable[[str], dict[str, Any]]) -> None:
    races, archetypes = documents("races").keys(), documents("archetypes").keys()
    for item in documents("items").values():
        wanted = item["data"]["requirements"]
        assert set(wanted["races"]) <= races, item["id"]
        assert set(wanted["archetypes"]) <= archetypes, item["id"]


def test_two_hands_hold_what_the_main_hand_holds() -> None:
    data = {
        "title": {"en": "Gong"},
        "description": {"en": "Loud."},
        "rarity": "rare",
        "slot": "off-hand",
        "two_handed": True,
        "weight_grams": 1,
        "price": 1,
    }
    with pytest.raises(ValidationError, match="goes with the slot `main-hand`"):
        Item.model_validate(data)


def test_withdrawn_content_stays_readable_and_counts_as_it_was(
    call: Call,
    create: Callable[..., Any],
    carry: Callable[..., None],
    wear: Call,
    statistics: Callable[[], Any],
    withdraw: Callable[[str, str], None],
) -> None:
    create()
    carry("felt-cap")
    assert wear("head", "felt-cap").status_code == 201
    before = statistics()
    for collection, document_id in (
        ("races", "harrowen"),
        ("archetypes", "trailreader"),
        ("items", "felt-cap"),
    ):
        withdraw(collection, document_id)

    after = statistics()
    assert after.pop("retired") == [
        {"collection": "archetypes", "id": "trailreader"},
        {"collection": "items", "id": "felt-cap"},
        {"collection": "races", "id": "harrowen"},
    ]
    assert before.pop("retired") == []
    assert after == before
    assert call("GET", PATH).get_json()["race_id"] == "harrowen"
    # What is there may be changed and repeated, but not chosen anew.
    assert call("POST", "/v1/characters", CHARACTER).status_code == 200
    assert call("PATCH", PATH, {"name": "Ann", "race_id": "harrowen"}).status_code == 200
    refused = call("POST", "/v1/characters", {**CHARACTER, "id": "other"})
    assert_problem(refused, 422, "invalid-input", "race_id")
    assert call("PUT", f"{PATH}/items/felt-cap", {"quantity": 2}).status_code == 200
    assert call("DELETE", f"{PATH}/equipment/head").status_code == 204
    assert wear("head", "felt-cap").status_code == 201
    call("DELETE", f"{PATH}/equipment/head")
    assert call("DELETE", f"{PATH}/items/felt-cap").status_code == 204
    assert_problem(call("PUT", f"{PATH}/items/felt-cap", {}), 404, "not-found")


@pytest.mark.parametrize(
    "loss",
    ["TRUNCATE content_documents", "UPDATE content_documents SET data = '{}'"],
    ids=["gone", "no longer valid"],
)
def test_content_that_is_gone_for_good_counts_for_nothing(
    create: Callable[..., Any],
    carry: Callable[..., None],
    wear: Call,
    call: Call,
    statistics: Callable[[], Any],
    owner_connection: psycopg.Connection,
    loss: Any,
) -> None:
    create()
    carry("felt-cap", "waybread")
    assert wear("head", "felt-cap").status_code == 201
    owner_connection.execute(loss)

    found = statistics()
    assert (found["load_grams"], found["speed"]) == (0, 8)
    assert found["hit_points"] == 10 + (2 + 3)
    assert [(row["slot"], row["reason"]) for row in found["inactive"]] == [("head", "unknown-item")]
    assert len(found["retired"]) == 4
    assert_problem(wear("neck", "waybread"), 409, "unknown-item")
    assert call("DELETE", f"{PATH}/equipment/head").status_code == 204
    assert call("DELETE", f"{PATH}/items/felt-cap").status_code == 204


def test_a_rebalanced_item_counts_at_once(
    create: Callable[..., Any],
    carry: Callable[..., None],
    wear: Call,
    statistics: Callable[[], Any],
    owner_connection: psycopg.Connection,
) -> None:
    create()
    carry("felt-cap")
    wear("head", "felt-cap")
    before = statistics()["defence"]
    owner_connection.execute(
        "UPDATE content_documents "
        "SET data = jsonb_set(data, '{bonuses,figures,defence}', '5') WHERE id = 'felt-cap'"
    )
    assert statistics()["defence"] == before + 4


def test_the_demo_has_characters_that_wear_what_they_may(
    make_app: Callable[..., Any], owner_connection: psycopg.Connection
) -> None:
    app = make_app(environment=Environment.DEVELOPMENT)
    result = app.test_cli_runner().invoke(args=["seed"])
    assert result.exit_code == 0, result.output
    password = re.findall(r"demo@example.com with the password (\S+)", result.output)[0]
    client = app.test_client()
    login = {"email": "demo@example.com", "password": password, "device_name": "browser"}
    tokens = client.post("/v1/accounts/login", json=login).get_json()["tokens"]
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    rows = client.get("/v1/characters", headers=headers).get_json()["items"]
    assert [row["id"] for row in rows] == ["branka", "isele"]
    for row in rows:
        path = f"/v1/characters/{row['id']}"
        found = client.get(f"{path}/statistics", headers=headers).get_json()
        assert (found["inactive"], found["retired"], found["overloaded"]) == ([], [], False)
        assert len(client.get(f"{path}/equipment", headers=headers).get_json()["items"]) == 3


def _places(document: dict[str, Any]) -> Item:
    return Item.model_construct(slot=document["data"]["slot"])
