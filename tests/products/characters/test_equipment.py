"""What characters carry and wear, through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.products.characters.conftest import SCORES, Call, assert_problem

PATH = "/v1/characters/mira"
Create = Callable[..., dict[str, Any]]
Carry = Callable[..., None]


@pytest.fixture(autouse=True)
def mira(create: Create) -> dict[str, Any]:
    return create()


def test_an_item_is_carried_counted_and_dropped(call: Call) -> None:
    path = f"{PATH}/items/waybread"
    assert_problem(call("GET", path), 404, "not-found")
    first = call("PUT", path, {"quantity": 3})
    assert (first.status_code, first.get_json()["quantity"]) == (201, 3)
    assert (first.get_json()["id"], first.headers["ETag"]) == ("mira:waybread", '"2"')
    again = call("PUT", path, {"quantity": 3})
    assert (again.status_code, again.get_json()["rev"]) == (200, 2)
    fewer = call("PUT", path, {"quantity": 1}, If_Match='"2"')
    assert (fewer.status_code, fewer.get_json()["quantity"]) == (200, 1)
    assert call("GET", path).get_json() == fewer.get_json()
    assert call("GET", path, If_None_Match='"3"').status_code == 304
    stale = assert_problem(call("DELETE", path, If_Match='"2"'), 412, "precondition-failed")
    assert stale["current"]["quantity"] == 1
    assert call("DELETE", path).status_code == 204
    assert_problem(call("DELETE", path), 404, "not-found")
    back = call("PUT", path, {})
    assert (back.status_code, back.get_json()["quantity"]) == (201, 1)


def test_a_stale_quantity_is_refused(call: Call, carry: Carry) -> None:
    carry("waybread")
    carry("waybread", quantity=2)
    refused = call("PUT", f"{PATH}/items/waybread", {"quantity": 5}, If_Match='"2"')
    assert assert_problem(refused, 412, "precondition-failed")["current"]["quantity"] == 2


def test_the_inventory_comes_in_pages(call: Call, carry: Carry) -> None:
    names = ["felt-cap", "hemp-rope", "red-tincture", "waybread"]
    carry(*reversed(names))
    first = call("GET", f"{PATH}/items?limit=3").get_json()
    rest = call("GET", f"{PATH}/items?limit=3&after={first['next']}").get_json()
    assert [row["item_id"] for row in first["items"] + rest["items"]] == names
    assert rest["next"] is None


@pytest.mark.parametrize("quantity", [0, -1, 10_000, "2", None, 1.5])
def test_a_faulty_quantity_is_refused(call: Call, quantity: Any) -> None:
    answer = call("PUT", f"{PATH}/items/waybread", {"quantity": quantity})
    assert_problem(answer, 422, "invalid-input", "quantity")


def test_an_item_that_is_not_there_cannot_be_taken(call: Call) -> None:
    assert_problem(call("PUT", f"{PATH}/items/moonbeam", {}), 404, "not-found")


def test_nobody_carries_more_than_the_capacity(call: Call, statistics: Callable[[], Any]) -> None:
    # 10 kg, 4 kg for each of 6 power, 4 kg for a Harrowen.
    assert statistics()["carrying_capacity_grams"] == 38_000
    path = f"{PATH}/items/waybread"
    assert call("PUT", path, {"quantity": 76}).status_code == 201
    heavy = assert_problem(call("PUT", path, {"quantity": 77}), 409, "too-heavy")
    assert (heavy["load_grams"], heavy["limit_grams"]) == (38_500, 38_000)
    assert (statistics()["load_grams"], statistics()["overloaded"]) == (38_000, False)


def test_who_gets_weaker_is_slow_and_can_only_drop(
    call: Call, carry: Carry, wear: Call, statistics: Callable[[], Any]
) -> None:
    carry("waybread", quantity=70)
    carry("felt-cap")
    call("PATCH", PATH, {"abilities": {**SCORES, "power": 3}})
    assert (statistics()["overloaded"], statistics()["speed"]) == (True, 4)
    assert_problem(wear("head", "felt-cap"), 409, "too-heavy")
    path = f"{PATH}/items/waybread"
    assert_problem(call("PUT", path, {"quantity": 71}), 409, "too-heavy")
    assert call("PUT", path, {"quantity": 60}).status_code == 200
    assert call("PUT", path, {"quantity": 20}).status_code == 200
    assert (statistics()["overloaded"], statistics()["speed"]) == (False, 8)


def test_a_harness_helps_to_carry(
    call: Call, carry: Carry, wear: Call, statistics: Callable[[], Any]
) -> None:
    carry("carrier-harness")
    assert wear("body", "carrier-harness").status_code == 201
    assert statistics()["carrying_capacity_grams"] == 50_000
    assert call("PUT", f"{PATH}/items/waybread", {"quantity": 90}).status_code == 201
    assert call("DELETE", f"{PATH}/equipment/body").status_code == 204
    assert statistics()["overloaded"] is True
    # Putting it on again is what helps.
    assert wear("body", "carrier-harness").status_code == 201
    assert statistics()["overloaded"] is False


def test_kinds_of_items_are_limited(call: Call, carry: Carry, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.products.characters.belongings.MAX_KINDS", 2)
    carry("waybread", "felt-cap")
    refused = call("PUT", f"{PATH}/items/red-tincture", {})
    assert assert_problem(refused, 409, "inventory-full")["limit"] == 2
    carry("waybread", quantity=2)


def test_an_item_is_worn_replaced_and_taken_off(
    call: Call, carry: Carry, wear: Call, statistics: Callable[[], Any]
) -> None:
    carry("quilted-coat", "carrier-harness")
    assert_problem(call("GET", f"{PATH}/equipment/body"), 404, "not-found")
    before = statistics()["defence"]
    first = wear("body", "quilted-coat")
    assert (first.status_code, first.get_json()["id"]) == (201, "mira:body")
    assert statistics()["defence"] == before + 2
    again = wear("body", "quilted-coat")
    assert (again.status_code, again.headers["ETag"]) == (200, first.headers["ETag"])
    shown = call("GET", f"{PATH}/equipment/body")
    assert shown.get_json() == again.get_json()
    etag = shown.headers["ETag"]
    assert call("GET", f"{PATH}/equipment/body", If_None_Match=etag).status_code == 304
    other = wear("body", "carrier-harness", If_Match=etag)
    assert (other.status_code, other.get_json()["item_id"]) == (200, "carrier-harness")
    assert statistics()["defence"] == before
    assert_problem(wear("body", "quilted-coat", If_Match=etag), 412, "precondition-failed")
    refused = call("DELETE", f"{PATH}/equipment/body", If_Match=etag)
    assert_problem(refused, 412, "precondition-failed")
    assert call("DELETE", f"{PATH}/equipment/body").status_code == 204
    assert_problem(call("DELETE", f"{PATH}/equipment/body"), 404, "not-found")
    assert wear("body", "quilted-coat").status_code == 201


def test_equipment_is_listed_from_head_to_finger(call: Call, carry: Carry, wear: Call) -> None:
    carry("copper-ring", "felt-cap", "drover-boots")
    for slot, item in (
        ("right-ring", "copper-ring"),
        ("feet", "drover-boots"),
        ("head", "felt-cap"),
    ):
        assert wear(slot, item).status_code == 201
    rows = call("GET", f"{PATH}/equipment").get_json()["items"]
    assert [row["slot"] for row in rows] == ["head", "feet", "right-ring"]


def test_a_slot_takes_what_is_made_for_it(call: Call, carry: Carry, wear: Call) -> None:
    carry("felt-cap", "waybread", "herder-knife", "copper-ring", quantity=2)
    body = assert_problem(wear("feet", "felt-cap"), 409, "wrong-slot")
    assert body["fits"] == ["head"]
    assert assert_problem(wear("head", "waybread"), 409, "wrong-slot")["fits"] == []
    for slot, item in (
        ("main-hand", "herder-knife"),
        ("off-hand", "herder-knife"),
        ("left-ring", "copper-ring"),
        ("right-ring", "copper-ring"),
    ):
        assert wear(slot, item).status_code == 201
    assert_problem(wear("tail", "felt-cap"), 404, "not-found")
    assert_problem(call("GET", f"{PATH}/equipment/tail"), 404, "not-found")
    assert_problem(call("DELETE", f"{PATH}/equipment/tail"), 404, "not-found")


def test_only_what_is_carried_is_worn(carry: Carry, wear: Call) -> None:
    assert_problem(wear("head", "felt-cap"), 409, "not-carried")
    carry("copper-ring")
    assert wear("right-ring", "copper-ring").status_code == 201
    body = assert_problem(wear("left-ring", "copper-ring"), 409, "not-carried")
    assert body["carried"] == 1


def test_what_is_worn_cannot_be_dropped(call: Call, carry: Carry, wear: Call) -> None:
    carry("copper-ring", quantity=3)
    for slot in ("left-ring", "right-ring"):
        assert wear(slot, "copper-ring").status_code == 201
    path = f"{PATH}/items/copper-ring"
    assert call("PUT", path, {"quantity": 2}).status_code == 200
    body = assert_problem(call("PUT", path, {"quantity": 1}), 409, "item-worn")
    assert body["slots"] == ["left-ring", "right-ring"]
    assert_problem(call("DELETE", path), 409, "item-worn")
    for slot in ("left-ring", "right-ring"):
        assert call("DELETE", f"{PATH}/equipment/{slot}").status_code == 204
    assert call("DELETE", path).status_code == 204


def test_a_two_handed_weapon_blocks_the_off_hand(call: Call, carry: Carry, wear: Call) -> None:
    carry("ash-staff", "plank-buckler", "herder-knife")
    assert wear("main-hand", "ash-staff").status_code == 201
    body = assert_problem(wear("off-hand", "plank-buckler"), 409, "slot-blocked")
    assert body["blocked_by"] == "main-hand"
    assert wear("main-hand", "herder-knife").status_code == 200
    assert wear("off-hand", "plank-buckler").status_code == 201
    body = assert_problem(wear("main-hand", "ash-staff"), 409, "slot-blocked")
    assert body["blocked_by"] == "off-hand"
    assert call("DELETE", f"{PATH}/equipment/off-hand").status_code == 204
    assert wear("main-hand", "ash-staff").status_code == 200


def test_requirements_are_told_all_at_once(call: Call, carry: Carry, wear: Call) -> None:
    carry("heron-mask", "gauntlets-of-the-mill", "reed-sabre", "ridge-maul")
    body = assert_problem(wear("head", "heron-mask"), 409, "requirement-not-met")
    assert body["unmet"] == [{"requirement": "race", "needed": ["fennari"], "present": "harrowen"}]
    body = assert_problem(wear("hands", "gauntlets-of-the-mill"), 409, "requirement-not-met")
    assert [unmet["requirement"] for unmet in body["unmet"]] == ["level", "archetype"]
    body = assert_problem(wear("main-hand", "ridge-maul"), 409, "requirement-not-met")
    assert body["unmet"] == [
        {"requirement": "level", "needed": 4, "present": 1},
        {"requirement": "power", "needed": 8, "present": 6},
    ]
    assert wear("main-hand", "reed-sabre").status_code == 201


def test_what_no_longer_fits_stays_worn_and_does_nothing(
    call: Call, carry: Carry, wear: Call, statistics: Callable[[], Any]
) -> None:
    call("PATCH", PATH, {"experience": 100})
    carry("moss-shoes")
    assert wear("feet", "moss-shoes").status_code == 201
    assert (statistics()["speed"], statistics()["inactive"]) == (9, [])
    call("PATCH", PATH, {"experience": 0})
    assert statistics()["speed"] == 8
    (inactive,) = statistics()["inactive"]
    assert (inactive["slot"], inactive["item_id"]) == ("feet", "moss-shoes")
    assert inactive["reason"] == "requirement-not-met"
    call("PATCH", PATH, {"experience": 100})
    assert statistics()["speed"] == 9


def test_the_statistics_are_those_of_the_docs(
    call: Call, carry: Carry, wear: Call, statistics: Callable[[], Any]
) -> None:
    call("PATCH", PATH, {"experience": 650})
    carry("amulet-of-second-breath", "reed-sabre", "plank-buckler")
    assert wear("off-hand", "plank-buckler").status_code == 201
    assert wear("main-hand", "reed-sabre").status_code == 201
    # A Harrowen has one more stamina and charm; the bases are 6, reason 3.
    assert statistics() == {
        "level": 4,
        "next_level_experience": 1000,
        "ability_points": 27,
        "ability_points_spent": 20,
        "abilities": {**SCORES, "stamina": 7, "charm": 7},
        "hit_points": 12 + 4 * (4 + 3),
        "defence": 12 + 3 + 2,
        "initiative": 12 + 1,
        "attack": 6 + 2 + 3,
        "focus": 6 + 7 + 4,
        "speed": 8,
        "carrying_capacity_grams": 38_000,
        "load_grams": 150 + 900 + 2400,
        "overloaded": False,
        "inactive": [],
        "retired": [],
    }


def test_the_highest_level_has_no_next(call: Call, statistics: Callable[[], Any]) -> None:
    call("PATCH", PATH, {"experience": 1_000_000})
    assert (statistics()["level"], statistics()["next_level_experience"]) == (20, None)
