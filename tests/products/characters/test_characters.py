"""Characters through the API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask

from tests.conftest import Account
from tests.products.characters.conftest import CHARACTER, SCORES, Call, assert_problem

PATH = "/v1/characters/mira"
Create = Callable[..., dict[str, Any]]


def test_a_character_is_created_shown_changed_and_deleted(call: Call, create: Create) -> None:
    made = create()
    assert {name: made[name] for name in CHARACTER} == CHARACTER
    assert (made["rev"], made["level"], made["experience"], made["notes"]) == (1, 1, 0, "")
    shown = call("GET", PATH)
    assert (shown.get_json(), shown.headers["ETag"]) == (made, '"1"')
    assert call("GET", PATH, If_None_Match='"1"').status_code == 304
    changed = call("PATCH", PATH, {"name": "Mira Ferrin", "experience": 300})
    assert changed.get_json()["name"] == "Mira Ferrin"
    assert (changed.get_json()["level"], changed.headers["ETag"]) == (3, '"2"')
    assert call("DELETE", PATH).status_code == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert_problem(call(method, PATH, body), 404, "not-found")


def test_a_repeat_after_a_lost_reply_does_no_harm(call: Call, create: Create) -> None:
    create()
    again = call("POST", "/v1/characters", CHARACTER)
    assert (again.status_code, again.get_json()["rev"]) == (200, 1)
    other = call("POST", "/v1/characters", {**CHARACTER, "name": "Other"})
    assert_problem(other, 409, "conflict")


def test_a_change_to_the_same_changes_nothing(call: Call, create: Create) -> None:
    create()
    answer = call("PATCH", PATH, {"name": "Mira", "abilities": SCORES})
    assert (answer.status_code, answer.get_json()["rev"]) == (200, 1)


def test_repeats_at_once_make_one_character(user: Account, app: APIFlask) -> None:
    def send(_: int) -> int:
        client = app.test_client()
        return client.post("/v1/characters", json=CHARACTER, headers=user.headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [200, 200, 200, 201]


def test_a_deleted_character_comes_back_with_empty_hands(
    call: Call, create: Create, carry: Callable[..., None], wear: Call
) -> None:
    create()
    carry("herder-knife")
    assert wear("main-hand", "herder-knife").status_code == 201
    call("DELETE", PATH)

    assert create(name="Again")["name"] == "Again"
    assert call("GET", f"{PATH}/items").get_json()["items"] == []
    assert call("GET", f"{PATH}/equipment").get_json()["items"] == []


def test_the_id_is_made_when_missing(create: Create) -> None:
    assert create(id=None)["id"] != create(id=None)["id"]


def test_a_stale_if_match_gets_the_current_row(call: Call, create: Create) -> None:
    create()
    call("PATCH", PATH, {"name": "Ann"})
    for method, body in (("PATCH", {"name": "Late"}), ("DELETE", None)):
        refused = call(method, PATH, body, If_Match='"1"')
        assert assert_problem(refused, 412, "precondition-failed")["current"]["name"] == "Ann"
    assert call("PATCH", PATH, {"name": "Bo"}, If_Match='"2"').status_code == 200


def test_lists_come_in_pages_and_are_filtered(call: Call, create: Create) -> None:
    for number in range(5):
        create(id=f"c{number}", race_id=("fennari", "oskaldi")[number % 2])
    create(id="c5", archetype_id="reedblade")
    first = call("GET", "/v1/characters?limit=4").get_json()
    rest = call("GET", f"/v1/characters?limit=4&after={first['next']}").get_json()
    assert [row["id"] for row in first["items"] + rest["items"]] == [f"c{n}" for n in range(6)]
    assert rest["next"] is None
    found = call("GET", "/v1/characters?race_id=oskaldi").get_json()["items"]
    assert [row["id"] for row in found] == ["c1", "c3"]
    found = call("GET", "/v1/characters?archetype_id=reedblade").get_json()["items"]
    assert [row["id"] for row in found] == ["c5"]
    assert_problem(call("GET", "/v1/characters?after=x"), 422, "invalid-input", "after")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"notes": "x" * 2001}, "notes"),
        ({"id": "a/b"}, "id"),
        ({"experience": -1}, "experience"),
        ({"experience": 1_000_001}, "experience"),
        ({"experience": "1"}, "experience"),
        ({"race_id": "A B"}, "race_id"),
        ({"race_id": "nobody"}, "race_id"),
        ({"race_id": "wallwarden"}, "race_id"),
        ({"archetype_id": "nobody"}, "archetype_id"),
        ({"portrait_id": "nothing"}, "portrait_id"),
        ({"abilities": {**SCORES, "power": 2}}, "abilities.power"),
        ({"abilities": {**SCORES, "charm": 11}}, "abilities.charm"),
        ({"abilities": {**SCORES, "charm": 6.0}}, "abilities.charm"),
        ({"abilities": {**SCORES, "luck": 5}}, "abilities.luck"),
        ({"abilities": {k: v for k, v in SCORES.items() if k != "power"}}, "abilities.power"),
        ({"abilities": {**SCORES, "power": 8}}, "abilities"),
        ({"abilities": dict.fromkeys(SCORES, 10), "experience": -1}, "experience"),
    ],
    ids=str,
)
def test_each_fault_is_named(call: Call, changes: dict[str, Any], field: str) -> None:
    answer = call("POST", "/v1/characters", {**CHARACTER, **changes})
    assert_problem(answer, 422, "invalid-input", field)
    assert call("GET", "/v1/characters").get_json()["items"] == []


def test_the_budget_grows_with_the_level(call: Call, create: Create) -> None:
    create()
    dearer = {**SCORES, "reason": 4}
    # 20 points for five sixes; 4 more for another make the 24 of level 1.
    full = {**SCORES, "reason": 6}
    assert call("PATCH", PATH, {"abilities": dearer}).status_code == 200
    assert call("PATCH", PATH, {"abilities": full}).status_code == 200
    over = {**full, "power": 7}
    refused = assert_problem(call("PATCH", PATH, {"abilities": over}), 422, "invalid-input")
    assert refused["errors"] == [
        {"field": "abilities", "detail": "cost 26 points; a character of level 1 has 24"}
    ]
    assert call("PATCH", PATH, {"abilities": over, "experience": 300}).status_code == 200
    lost = call("PATCH", PATH, {"experience": 299})
    assert_problem(lost, 422, "invalid-input", "abilities")
    assert call("GET", PATH).get_json()["experience"] == 300


def test_a_change_names_content_that_is_there(call: Call, create: Create) -> None:
    create()
    for field in ("race_id", "archetype_id"):
        answer = call("PATCH", PATH, {field: "nobody"})
        assert_problem(answer, 422, "invalid-input", field)
    assert call("PATCH", PATH, {"race_id": "virelan"}).get_json()["race_id"] == "virelan"


def test_others_do_not_see_it(
    call: Call, create: Create, carry: Callable[..., None], register: Callable[..., Account]
) -> None:
    create()
    carry("herder-knife")
    other = register()
    assert call("GET", "/v1/characters", account=other).get_json()["items"] == []
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/statistics", None),
        ("GET", "/items", None),
        ("GET", "/items/herder-knife", None),
        ("PUT", "/items/herder-knife", {"quantity": 2}),
        ("DELETE", "/items/herder-knife", None),
        ("GET", "/equipment", None),
        ("GET", "/equipment/head", None),
        ("PUT", "/equipment/main-hand", {"item_id": "herder-knife"}),
        ("DELETE", "/equipment/main-hand", None),
    ):
        assert_problem(call(method, PATH + path, body, account=other), 404, "not-found")
    taken = call("POST", "/v1/characters", {**CHARACTER, "name": "Mine"}, account=other)
    assert taken.status_code == 201
    assert call("GET", PATH).get_json()["name"] == "Mira"
