"""A client's story from the profile to the shopping list, in plain HTTP calls.

It needs the content that `flask content seed` writes.
"""

from tests.products.conftest import Ask

PROFILE = {
    "sex": "female",
    "birth_year": 1995,
    "height_cm": 170,
    "weight_kg": 65,
    "activity": "moderate",
    "sport": "endurance",
    "goal": "maintain",
}
MEALS = {
    "breakfast": "oat-porridge-banana",
    "lunch": "chicken-rice-broccoli",
    "dinner": "lentil-soup",
    "snack": "recovery-shake",
}


def tell_the_story(ask: Ask) -> None:
    """The calls of a client; `ask` sends method, path and body, and gives status and JSON."""
    assert ask("PUT", "/v1/nutrition/profile", PROFILE)[0] == 201
    status, targets = ask("GET", "/v1/nutrition/targets")
    assert (status, targets["protein_g"]) == (200, 91.0)

    status, page = ask("GET", "/v1/nutrition/meals?tags=breakfast&q=oat&locale=sr-Latn")
    titles = [meal["title"] for meal in page["items"]]
    assert (status, titles[0]) == (200, "Ovsena kaša sa bananom")

    plan = {"id": "story", "name": "Race week", "start_date": "2026-05-04"}
    assert ask("POST", "/v1/nutrition/plans", plan)[0] == 201
    for slot, meal_id in MEALS.items():
        for day in (1, 2):
            meal = {"id": f"story-{day}-{slot}", "day": day, "slot": slot, "meal_id": meal_id}
            assert ask("POST", "/v1/nutrition/plans/story/meals", meal)[0] == 201
            # The reply was lost: the client sends it again.
            assert ask("POST", "/v1/nutrition/plans/story/meals", meal)[0] == 200

    path = "/v1/nutrition/plans/story/meals/story-2-lunch"
    status, meal = ask("PATCH", path, {"servings": 2, "changes": {"white-rice": 120}})
    assert (status, meal["servings"]) == (200, 2.0)
    status, totals = ask("GET", "/v1/nutrition/plans/story/totals")
    assert (status, totals["targets"]) == (200, targets)
    first, second = totals["days"]
    assert second["total"]["energy_kcal"] > first["total"]["energy_kcal"] > 1500

    status, bought = ask("GET", "/v1/nutrition/plans/story/basket?max_stores=2&locale=en")
    assert (status, bought["unavailable"]) == (200, [])
    single, combination = bought["single"], bought["combination"]
    assert len(combination["missing"]) <= len(single["missing"])
    if combination["missing"] == single["missing"]:
        assert combination["amount_minor"] <= single["amount_minor"]
    for line in combination["lines"]:
        assert line["bought_grams"] >= line["needed_grams"] > 0
    rice = next(line for line in combination["lines"] if line["ingredient"] == "white-rice")
    assert rice["needed_grams"] == 90 + 2 * 120

    assert ask("DELETE", "/v1/nutrition/plans/story")[0] == 204
    assert ask("GET", "/v1/nutrition/plans/story/basket")[0] == 404
    assert ask("DELETE", "/v1/nutrition/profile")[0] == 204


def test_a_client_plans_and_buys_a_week(ask: Ask) -> None:
    tell_the_story(ask)
