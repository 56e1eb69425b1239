"""The content that comes with nutrition, its demo, and the figures of analytics."""

import re
from datetime import UTC, datetime

import pytest

from app.settings import Environment
from tests.products.nutrition.conftest import PROFILE

CYRILLIC = re.compile("[\u0400-\u04ff]")
LATIN = re.compile("[A-Za-zčćžšđČĆŽŠĐ]")


@pytest.fixture
def seeded(app):
    result = app.test_cli_runner().invoke(args=["content", "seed"])
    assert result.exit_code == 0, result.output


@pytest.fixture
def everything(seeded, client):
    """All items of a list, over its pages."""

    def read(path):
        items, after = [], ""
        while after is not None:
            page = client.get(f"{path}{'&' if '?' in path else '?'}limit=50{after}").get_json()
            items += page["items"]
            after = page["next"] and f"&after={page['next']}"
        return items

    return read


def test_there_is_enough_for_a_demo(everything):
    counts = {
        name: len(everything(f"/v1/content/{name}"))
        for name in ("ingredients", "meals", "stores", "prices")
    }

    assert counts == {"ingredients": 60, "meals": 25, "stores": 4, "prices": 60}


def test_everything_refers_to_what_is_there(everything):
    ingredients = {item["id"] for item in everything("/v1/content/ingredients")}
    stores = {item["id"] for item in everything("/v1/content/stores")}
    prices = everything("/v1/content/prices")

    assert {item["id"] for item in prices} == ingredients
    assert {offer["store"] for item in prices for offer in item["data"]["offers"]} == stores
    currencies = {offer["currency"] for item in prices for offer in item["data"]["offers"]}
    assert currencies == {"RSD", "EUR"}
    assert all(not item["missing"] for item in everything("/v1/nutrition/meals"))


def test_the_energy_of_an_ingredient_is_that_of_its_macronutrients(everything):
    for item in everything("/v1/content/ingredients"):
        data = item["data"]
        # Regulation (EU) 1169/2011, Annex XIV.
        of_parts = (
            4 * (data["protein_g"] + data["carbohydrate_g"])
            + 9 * data["fat_g"]
            + 2 * data["fiber_g"]
        )
        assert data["energy_kcal"] == pytest.approx(of_parts, rel=0.07, abs=12), item["id"]


@pytest.mark.parametrize(
    ("locale", "wanted", "unwanted"), [("sr", CYRILLIC, LATIN), ("sr-Latn", LATIN, CYRILLIC)]
)
def test_serbian_is_in_one_alphabet(everything, locale, wanted, unwanted):
    for item in everything(f"/v1/nutrition/meals?locale={locale}"):
        titles = [part["title"] for part in item["ingredients"]]
        for text in (item["title"], item["instructions"], *titles):
            assert wanted.search(text), text
            assert not unwanted.search(text), text


def test_meals_are_meals(everything):
    for item in everything("/v1/nutrition/meals"):
        assert 150 < item["serving"]["energy_kcal"] < 900, item["id"]
        assert set(item["tags"]) & {"breakfast", "lunch", "dinner", "snack"}, item["id"]


def test_the_demo_has_a_profile_and_a_plan(make_app, owner_connection):
    make_app(environment=Environment.DEVELOPMENT).test_cli_runner().invoke(args=["seed"])
    rows = owner_connection.execute(
        "SELECT (SELECT count(*) FROM user_nutrition_profiles), "
        "(SELECT count(*) FROM user_meal_plans), (SELECT count(*) FROM user_plan_meals)"
    ).fetchone()

    assert rows == (1, 1, 12)


def test_figures_count_profiles_plans_and_changes(kitchen, call, put_meal, admin):
    call("PUT", "/profile", {**PROFILE, "goal": "gain"})
    put_meal(changes={"oats": 10})
    put_meal()
    answer = admin.client.get("/v1/admin/analytics/behaviour", headers=admin.headers)
    figures = {f["name"]: f["value"] for f in answer.get_json()["products"]["nutrition"]}

    assert figures == {
        "profiles": 1.0,
        "losing": 0.0,
        "gaining": 1.0,
        "plans_created": 1.0,
        "planning": 1.0,
        "meals_planned": 2.0,
        "meals_changed": 0.5,
    }


def test_age_is_of_this_year(call):
    call("PUT", "/profile", {**PROFILE, "birth_year": datetime.now(UTC).year - 40})

    # 10 x 80 + 6.25 x 180 - 5 x 40 + 5
    assert call("GET", "/targets").get_json()["resting_kcal"] == 1730.0
