"""The nutrition profile and the targets of the day, through the API."""

from datetime import UTC, datetime

import pytest

from tests.products.nutrition.conftest import PROFILE


def test_a_profile_is_written_shown_changed_and_deleted(call):
    assert call("GET", "/profile").status_code == 404
    written = call("PUT", "/profile", PROFILE)
    assert (written.status_code, written.headers["ETag"]) == (201, '"1"')
    assert written.get_json().items() >= {**PROFILE, "id": "profile", "rev": 1}.items()
    changed = call("PUT", "/profile", {**PROFILE, "weight_kg": 79.5})
    assert (changed.status_code, changed.get_json()["rev"]) == (200, 2)
    assert call("GET", "/profile").get_json()["weight_kg"] == 79.5
    assert call("GET", "/profile", If_None_Match='"2"').status_code == 304
    assert call("DELETE", "/profile").status_code == 204
    assert call("GET", "/profile").status_code == 404
    assert call("DELETE", "/profile").status_code == 404
    assert call("GET", "/targets").status_code == 404
    again = call("PUT", "/profile", PROFILE)
    assert (again.status_code, again.get_json()["rev"]) == (201, 4)


def test_a_repeat_changes_nothing(call):
    call("PUT", "/profile", PROFILE)
    again = call("PUT", "/profile", PROFILE)

    assert (again.status_code, again.get_json()["rev"]) == (200, 1)


def test_a_stale_if_match_gets_the_current_profile(call):
    call("PUT", "/profile", PROFILE)
    call("PUT", "/profile", {**PROFILE, "goal": "gain"})
    for method, body in (("PUT", PROFILE), ("DELETE", None)):
        refused = call(method, "/profile", body, If_Match='"1"')
        assert refused.status_code == 412
        assert refused.get_json()["current"]["goal"] == "gain"
    assert call("DELETE", "/profile", If_Match='"2"').status_code == 204
    assert call("PUT", "/profile", PROFILE, If_Match='"2"').status_code == 412


def test_everybody_has_a_profile_of_their_own(call, register):
    call("PUT", "/profile", PROFILE)
    other = register()
    answer = other.client.get("/v1/nutrition/profile", headers=other.headers)

    assert answer.status_code == 404


THIS_YEAR = datetime.now(UTC).year


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"birth_year": THIS_YEAR - 18}, "birth_year", "18 to 100"),
        ({"birth_year": THIS_YEAR - 101}, "birth_year", "18 to 100"),
        ({"birth_year": "1990"}, "birth_year", "integer"),
        ({"height_cm": 1.8}, "height_cm", "120"),
        ({"height_cm": 231}, "height_cm", "230"),
        ({"weight_kg": 29}, "weight_kg", "30"),
        ({"weight_kg": 251}, "weight_kg", "250"),
        ({"weight_kg": 40}, "height_cm weight_kg", "body mass index of 12.3"),
        ({"height_cm": 150, "weight_kg": 200}, "height_cm weight_kg", "index of 88.9"),
        ({"weight_kg": 64, "goal": "lose"}, "goal", "cannot be `lose`"),
        ({"activity": "extreme"}, "activity", "vigorous"),
        ({"sport": "chess"}, "sport", "endurance"),
        ({"sex": "x"}, "sex", "female"),
        ({"age": 30}, "age", "not a known field"),
    ],
    ids=str,
)
def test_what_is_no_profile_is_refused(call, changes, field, word):
    answer = call("PUT", "/profile", {**PROFILE, **changes})

    assert answer.status_code == 422
    errors = answer.get_json()["errors"]
    assert [error["field"] for error in errors] == field.split()
    assert all(word in error["detail"] for error in errors)


@pytest.mark.parametrize("birth_year", [THIS_YEAR - 19, THIS_YEAR - 100])
def test_the_youngest_and_the_oldest_are_taken(call, birth_year):
    assert call("PUT", "/profile", {**PROFILE, "birth_year": birth_year}).status_code == 201
    assert call("GET", "/targets").status_code == 200


def test_targets_follow_the_profile(call):
    born = THIS_YEAR - 30
    call("PUT", "/profile", {**PROFILE, "birth_year": born})
    answer = call("GET", "/targets")

    body = answer.get_json()
    assert "not medical advice" in body.pop("notice")
    assert body == {
        "resting_kcal": 1780.0,
        "maintenance_kcal": 3293.0,
        "energy_kcal": 3293.0,
        "protein_g": 128.0,
        # What 128 g of protein and 30 % of fat leave: 448.3 g, above 5 and below 7 g/kg.
        "carbohydrate_g": 448.3,
        "fat_g": 109.8,
        "fiber_g": 46.1,
        "raised": False,
    }
    assert call("GET", "/targets", If_None_Match=answer.headers["ETag"]).status_code == 304
    call("PUT", "/profile", {**PROFILE, "birth_year": born, "goal": "gain"})
    changed = call("GET", "/targets", If_None_Match=answer.headers["ETag"])
    assert changed.get_json()["energy_kcal"] == 3622.3
