"""Meals with the nutrients of their ingredients, for everybody."""

import pytest

from tests.products.nutrition.conftest import ingredient, meal, text

SERVING = {
    # 50 g of oats and 200 ml of milk.
    "energy_kcal": 320.0,
    "protein_g": 11.0,
    "carbohydrate_g": 40.0,
    "fat_g": 10.0,
    "fiber_g": 5.0,
}


def test_nutrients_are_reckoned_from_the_ingredients(kitchen, client):
    answer = client.get("/v1/nutrition/meals/porridge")

    body = answer.get_json()
    assert body["serving"] == SERVING
    assert body["allergens"] == ["gluten", "milk"]
    assert body["tags"] == ["breakfast"]
    assert body["missing"] == []
    assert body["ingredients"] == [
        {"ingredient": "oats", "title": "Oats", "grams": 50},
        {"ingredient": "milk", "title": "Milk", "grams": 200},
    ]
    assert answer.headers["Cache-Control"] == "public, max-age=60"


def test_a_changed_ingredient_counts_at_once(kitchen, client):
    before = client.get("/v1/nutrition/meals/porridge")
    kitchen("ingredients", "oats", ingredient("Oats", 380, 10, 60, 8, 10))
    unchanged = client.get(
        "/v1/nutrition/meals/porridge", headers={"If-None-Match": before.headers["ETag"]}
    )

    assert unchanged.status_code == 200
    assert unchanged.get_json()["serving"]["energy_kcal"] == 310.0
    same = client.get(
        "/v1/nutrition/meals/porridge", headers={"If-None-Match": unchanged.headers["ETag"]}
    )
    assert (same.status_code, same.data) == (304, b"")


def test_an_ingredient_that_is_gone_is_named(kitchen, client):
    kitchen("ingredients", "milk", None)
    body = client.get("/v1/nutrition/meals/porridge").get_json()

    assert body["missing"] == ["milk"]
    assert body["ingredients"][1] == {"ingredient": "milk", "title": None, "grams": 200}
    assert body["serving"]["energy_kcal"] == 200.0


def test_what_is_not_published_is_not_shown(kitchen, client):
    kitchen("meals", "secret", meal("Secret", oats=1), published=False)

    assert client.get("/v1/nutrition/meals/secret").status_code == 404
    assert client.get("/v1/nutrition/meals/none").status_code == 404
    items = client.get("/v1/nutrition/meals").get_json()["items"]
    assert [item["id"] for item in items] == ["porridge"]


def test_a_meal_that_no_longer_fits_is_left_out(kitchen, client, owner_connection):
    owner_connection.execute(
        "UPDATE content_documents SET data = data - 'minutes' WHERE id = 'porridge'"
    )

    assert client.get("/v1/nutrition/meals/porridge").status_code == 404
    assert client.get("/v1/nutrition/meals").get_json() == {"items": [], "next": None}


def test_the_list_has_pages_words_and_tags(kitchen, client):
    for number in range(3):
        kitchen("meals", f"soup-{number}", meal(f"Soup {number}", milk=100), tags=["warm"])
    first = client.get("/v1/nutrition/meals?limit=3").get_json()
    second = client.get(f"/v1/nutrition/meals?limit=3&after={first['next']}").get_json()

    ids = [item["id"] for page in (first, second) for item in page["items"]]
    assert ids == ["porridge", "soup-0", "soup-1", "soup-2"]
    assert second["next"] is None
    warm = client.get("/v1/nutrition/meals?tags=warm&q=soup").get_json()["items"]
    assert [item["id"] for item in warm] == ids[1:]
    assert client.get("/v1/nutrition/meals?after=x").status_code == 422


@pytest.mark.parametrize(
    ("locale", "title", "language"),
    [
        ("en", "Porridge", "en"),
        ("sr", "Porridge (ћир)", "sr"),
        ("sr-Cyrl-RS", "Porridge (ћир)", "sr"),
        ("sr-Latn", "Porridge (lat)", "sr-Latn"),
        ("sr-Latn-ME", "Porridge (lat)", "sr-Latn"),
        ("fr", "Porridge", "en"),
    ],
)
def test_serbian_comes_in_both_alphabets(kitchen, client, locale, title, language):
    asked = client.get(f"/v1/nutrition/meals/porridge?locale={locale}")
    preferred = client.get("/v1/nutrition/meals/porridge", headers={"Accept-Language": locale})

    for answer in (asked, preferred):
        assert answer.get_json()["title"] == title
        assert answer.get_json()["locale"] == language
        assert answer.headers["Content-Language"] == language
    assert "Accept-Language" not in asked.headers.get("Vary", "")
    assert "Accept-Language" in preferred.headers["Vary"]


def test_latin_falls_back_to_cyrillic_and_then_to_english(kitchen, client):
    title = {"en": "Stew", "sr": "Паприкаш"}
    kitchen("meals", "stew", {**meal("Stew", milk=1), "title": title})
    kitchen("ingredients", "milk", {**ingredient("Milk", 60, 3, 5, 3, 0), "title": {"en": "Milk"}})
    answer = client.get("/v1/nutrition/meals/stew?locale=sr-Latn")

    body = answer.get_json()
    assert (body["title"], body["locale"]) == ("Паприкаш", "sr")
    assert (body["instructions"], body["ingredients"][0]["title"]) == ("Cook. (lat)", "Milk")
    assert answer.headers["Content-Language"] == "sr-Latn, sr, en"


@pytest.mark.parametrize(
    ("collection", "data", "word"),
    [
        ("ingredients", ingredient("X", 400, 60, 50, 0, 0), "more than 100 g"),
        ("ingredients", ingredient("X", 903, 0, 0, 100, 0), "902"),
        ("ingredients", ingredient("X", 1, 0, 0, 0, 0, allergens=["cats"]), "gluten"),
        ("meals", meal("X"), "at least 1"),
        ("meals", {**meal("X"), "ingredients": [{"ingredient": "a", "grams": 1}] * 2}, "twice"),
        ("meals", {**meal("X", milk=1), "energy_kcal": 1}, "not a known field"),
        ("stores", {"title": text("X"), "city": text("X"), "country": "Serbia"}, "match"),
        (
            "prices",
            {
                "title": text("X"),
                "offers": [
                    {"store": "a", "package_grams": 1, "currency": "RSD", "amount_minor": n}
                    for n in (1, 2)
                ],
            },
            "two prices",
        ),
    ],
    ids=str,
)
def test_content_that_makes_no_sense_is_refused(admin, collection, data, word):
    answer = admin.client.put(
        f"/v1/admin/content/{collection}/x", json={"data": data}, headers=admin.headers
    )

    assert answer.status_code == 422
    assert word in answer.text
