"""Characters through the sync adapters: what follows from a push, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Account
from tests.products.characters.conftest import CHARACTER, SCORES, Call, assert_problem
from tests.products.characters.test_portrait import declare
from tests.products.characters.test_portrait import store as store
from tests.sync.conftest import Rxdb, Watermelon

PATH = "/v1/characters/mira"


def document(**changes: Any) -> dict[str, Any]:
    return {
        **CHARACTER,
        "experience": 0,
        "notes": "",
        "portrait_id": None,
        "_deleted": False,
        **changes,
    }


def carried(item_id: str = "longsword", **changes: Any) -> dict[str, Any]:
    return {
        "id": f"mira:{item_id}",
        "character_id": "mira",
        "item_id": item_id,
        "quantity": 1,
        "_deleted": False,
        **changes,
    }


def worn(slot: str = "main-hand", item_id: str = "longsword") -> dict[str, Any]:
    return {
        "id": f"mira:{slot}",
        "character_id": "mira",
        "slot": slot,
        "item_id": item_id,
        "_deleted": False,
    }


@pytest.fixture
def device(user: Account) -> Rxdb:
    return Rxdb(user)


def test_a_character_made_offline_is_whole(device: Rxdb, call: Call, user: Account) -> None:
    device.store("characters", (document(), None))
    device.store("character_items", (carried(quantity=2), None))
    device.store("character_equipment", (worn(), None))

    assert call("GET", PATH).get_json()["abilities"] == SCORES
    assert call("GET", f"{PATH}/items/longsword").get_json()["quantity"] == 2
    assert call("GET", f"{PATH}/equipment/main-hand").get_json()["item_id"] == "longsword"
    assert Rxdb(user).documents("characters") == {"mira": document()}


def test_a_device_changes_an_item_whose_id_is_long(device: Rxdb, call: Call) -> None:
    character_id, item_id = "m" * 64, "ring-of-the-careful-step"
    call("POST", "/v1/characters", {**CHARACTER, "id": character_id})
    item = f"/v1/characters/{character_id}/items/{item_id}"
    assert call("PUT", item, {"quantity": 1}).status_code == 201
    (known,) = device.documents("character_items").values()

    device.store("character_items", ({**known, "quantity": 2}, known))

    assert call("GET", item).get_json()["quantity"] == 2


def test_a_deleted_character_takes_all_it_has_along(device: Rxdb, user: Account) -> None:
    device.store("characters", (document(), None))
    device.store("character_items", (carried(), None))
    device.store("character_equipment", (worn(), None))

    device.store("characters", (document(_deleted=True), document()))

    for name in ("character_items", "character_equipment"):
        (found,) = Rxdb(user).documents(name).values()
        assert found["_deleted"]


@pytest.mark.parametrize(
    ("collection", "row", "field"),
    [
        ("characters", document(abilities={**SCORES, "power": 11}), "abilities.power"),
        ("characters", document(abilities=dict.fromkeys(SCORES, 10)), "abilities"),
        ("character_items", carried(id="mira:other"), "id"),
        ("character_items", carried(quantity=0), "quantity"),
        ("character_equipment", worn("pocket"), "slot"),
        ("character_equipment", {**worn(), "id": "mira:off-hand"}, "id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rules_of_the_fields_hold(
    device: Rxdb, collection: str, row: dict[str, Any], field: str
) -> None:
    device.store("characters", (document(name="There"), None))

    answer = device.push(collection, (row, None))

    body = assert_problem(answer, 422, "invalid-input")
    assert [error["field"].partition("newDocumentState.")[2] for error in body["errors"]] == [field]


def test_what_a_push_wears_against_the_rules_gives_nothing(
    device: Rxdb, statistics: Callable[[], dict[str, Any]]
) -> None:
    device.store("characters", (document(race_id="no-such-race"), None))
    device.store("character_equipment", (worn(item_id="no-such-item"), None))

    assert [item["reason"] for item in statistics()["inactive"]] == ["unknown-item"]


def test_a_stored_portrait_stays(
    device: Rxdb, call: Call, store: Callable[..., str], user: Account
) -> None:
    device.store("characters", (document(portrait_id=store()), None))

    assert call("GET", PATH).get_json()["portrait_id"] == "face"
    assert Rxdb(user).documents("characters")["mira"]["portrait_id"] == "face"


def test_a_portrait_that_is_none_is_forgotten_and_the_device_hears_of_it(
    device: Rxdb, call: Call, register: Callable[..., Account], store: Callable[..., str]
) -> None:
    call("POST", "/v1/characters", {**CHARACTER, "id": "other", "portrait_id": store("others")})
    assert declare(call, "pending").status_code == 201
    rows = [document(id=name, portrait_id=name) for name in ("pending", "nothing")]

    device.store("characters", *((row, None) for row in rows))

    found = device.documents("characters")
    assert {name: row["portrait_id"] for name, row in found.items()} == {
        "pending": None,
        "nothing": None,
        "other": "others",
    }
    stranger = register()
    Rxdb(stranger).store("characters", (document(portrait_id="others"), None))
    assert Rxdb(stranger).documents("characters")["mira"]["portrait_id"] is None


def test_watermelondb_forgets_it_too(user: Account, call: Call) -> None:
    device = Watermelon(user)
    device.pull()
    raw = {
        **{name: value for name, value in document().items() if name != "_deleted"},
        "abilities": '{"power":6,"swiftness":6,"stamina":6,"reason":3,"instinct":6,"charm":6}',
        "portrait_id": "nothing",
    }

    answer = device.push({"characters": {"created": [raw], "updated": [], "deleted": []}})

    assert answer.status_code == 204, answer.text
    (found,) = device.changes()["characters"]["updated"]
    assert found["portrait_id"] is None
    assert call("GET", PATH).get_json()["abilities"] == SCORES


def test_kinds_of_items_are_limited(
    device: Rxdb, user: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.products.characters.belongings.MAX_KINDS", 2)
    device.store("characters", (document(), None), (document(id="other"), None))
    other = carried(id="other:longsword", character_id="other")
    device.store("character_items", (carried(), None), (other, None))

    refused = device.push("character_items", (carried("a"), None), (carried("b"), None))

    assert assert_problem(refused, 409, "inventory-full")["limit"] == 2
    assert Rxdb(user).documents("character_items").keys() == {"mira:longsword", "other:longsword"}
    device.store("character_items", (carried("a"), None), (carried(quantity=3), carried()))
    gone = {**carried("a"), "_deleted": True}
    device.store("character_items", (gone, carried("a")), (carried("b"), None))
