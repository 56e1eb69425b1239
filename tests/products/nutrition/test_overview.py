"""Totals of a plan against the targets, and its cheapest basket, through the API."""

import pytest

from app.products.nutrition import basket, overview
from tests.products.nutrition.conftest import PROFILE, ingredient, meal, offer, text
from tests.products.nutrition.test_meals import SERVING

ZERO = dict.fromkeys(SERVING, 0.0)
NOTHING_MISSING = {"meals": [], "ingredients": []}


@pytest.fixture
def price(kitchen):
    """Write what an ingredient costs."""

    def write(name, *offers):
        kitchen("prices", name, {"title": text(name), "offers": list(offers)})

    return write


def test_days_are_added_up(kitchen, call, put_meal):
    put_meal(servings=2, day=3)
    put_meal(slot="snack")
    put_meal(slot="snack", changes={"oats": 100, "milk": 0})
    answer = call("GET", "/plans/week/totals")

    body = answer.get_json()
    assert [(day["day"], day["date"]) for day in body["days"]] == [
        (1, "2026-01-05"),
        (3, "2026-01-07"),
    ]
    # 320 kcal of porridge as it is and 400 of 100 g of oats without milk; and 320 twice.
    assert [day["total"]["energy_kcal"] for day in body["days"]] == [720.0, 640.0]
    assert body["days"][1]["total"] == {name: 2 * value for name, value in SERVING.items()}
    assert body["mean"]["energy_kcal"] == 680.0
    assert body["targets"] is body["difference"] is body["days"][0]["difference"] is None
    assert body["missing"] == NOTHING_MISSING
    same = call("GET", "/plans/week/totals", If_None_Match=answer.headers["ETag"])
    assert (same.status_code, same.data) == (304, b"")


def test_a_profile_brings_the_targets(kitchen, call, put_meal):
    call("PUT", "/profile", PROFILE)
    put_meal()
    put_meal(day=2, servings=3)
    body = call("GET", "/plans/week/totals").get_json()
    targets = call("GET", "/targets").get_json()

    assert body["targets"] == targets
    for part, times in ((body["days"][0], 1), (body["days"][1], 3), (body, 2)):
        assert part["difference"] == pytest.approx(
            {name: times * value - targets[name] for name, value in SERVING.items()}
        )


def test_an_empty_plan_has_nothing(call, plan):
    call("PUT", "/profile", PROFILE)
    body = call("GET", "/plans/week/totals").get_json()

    assert (body["days"], body["mean"], body["difference"]) == ([], ZERO, None)
    assert call("GET", "/plans/week/basket").get_json() == {
        "currency": "RSD",
        "single": None,
        "combination": None,
        "unavailable": [],
        "missing": NOTHING_MISSING,
    }


def test_content_that_is_gone_is_named_and_not_guessed(kitchen, call, put_meal, price):
    kitchen("meals", "soup", meal("Soup", milk=500))
    price("oats", offer("corner", 500, 100))
    put_meal()
    put_meal("soup", day=2)
    kitchen("meals", "soup", None)
    kitchen("ingredients", "oats", None)
    body = call("GET", "/plans/week/totals").get_json()

    missing = {"meals": ["soup"], "ingredients": ["oats"]}
    assert body["missing"] == missing
    assert [day["total"]["energy_kcal"] for day in body["days"]] == [120.0, 0.0]
    bought = call("GET", "/plans/week/basket").get_json()
    assert bought["missing"] == missing
    assert bought["unavailable"] == ["milk"]
    # It may still be bought; only its name is not known.
    assert bought["single"]["lines"][0]["title"] is None


def test_the_cheapest_basket_of_one_store_and_of_two(kitchen, call, put_meal, price):
    price("oats", offer("corner", 500, 10000), offer("market", 100, 1900))
    price("milk", offer("corner", 1000, 15000), offer("market", 500, 9000))
    # 110 g of oats, 450 g of milk.
    put_meal(servings=2.25, changes={"oats": 49})
    answer = call("GET", "/plans/week/basket?locale=sr")

    body = answer.get_json()
    assert answer.headers["Content-Language"] == "sr"
    assert body["currency"] == "RSD"
    # 2 x 100 g and 500 g at the market; nothing of the corner makes it cheaper.
    assert body["single"] == body["combination"]
    assert body["single"] == {
        "amount_minor": 12800,
        "stores": [{"id": "market", "title": "market (ћир)", "amount_minor": 12800}],
        "missing": [],
        "lines": [
            {
                "ingredient": "milk",
                "title": "Milk (ћир)",
                "needed_grams": 450,
                "bought_grams": 500,
                "amount_minor": 9000,
                "packages": [
                    {"store": "market", "package_grams": 500, "amount_minor": 9000, "count": 1}
                ],
            },
            {
                "ingredient": "oats",
                "title": "Oats (ћир)",
                # 110.25 g: a begun gram counts.
                "needed_grams": 111,
                "bought_grams": 200,
                "amount_minor": 3800,
                "packages": [
                    {"store": "market", "package_grams": 100, "amount_minor": 1900, "count": 2}
                ],
            },
        ],
    }
    price("milk", offer("corner", 1000, 8000), offer("market", 500, 9000))
    changed = call("GET", "/plans/week/basket?locale=sr", If_None_Match=answer.headers["ETag"])
    body = changed.get_json()
    assert body["single"]["amount_minor"] == 12800
    assert body["combination"]["amount_minor"] == 11800
    assert [store["amount_minor"] for store in body["combination"]["stores"]] == [8000, 3800]
    alone = call("GET", "/plans/week/basket?max_stores=1").get_json()
    assert alone["combination"] == alone["single"]
    same = call("GET", "/plans/week/basket?locale=sr", If_None_Match=changed.headers["ETag"])
    assert same.status_code == 304


def test_what_a_store_lacks_is_listed(kitchen, call, put_meal, price):
    kitchen("ingredients", "salt", ingredient("Salt", 0, 0, 0, 0, 0))
    price("oats", offer("corner", 500, 10000))
    price("milk", offer("market", 1000, 15000))
    put_meal(changes={"salt": 2})
    body = call("GET", "/plans/week/basket").get_json()

    assert body["unavailable"] == ["salt"]
    # Both lack as much: the cheaper one.
    assert [store["id"] for store in body["single"]["stores"]] == ["corner"]
    assert body["single"]["missing"] == ["milk", "salt"]
    assert body["combination"]["missing"] == ["salt"]
    assert body["combination"]["amount_minor"] == 25000


def test_only_prices_of_the_currency_and_of_published_stores_count(kitchen, call, put_meal, price):
    price("oats", offer("corner", 500, 95, "EUR"), offer("corner", 500, 20000), offer("x", 500, 1))
    price("milk", offer("market", 500, 9000))
    put_meal()
    euros = call("GET", "/plans/week/basket?currency=EUR").get_json()

    assert euros["single"]["amount_minor"] == 95
    assert euros["unavailable"] == ["milk"]
    assert call("GET", "/plans/week/basket").get_json()["combination"]["amount_minor"] == 29000
    kitchen("stores", "corner", None)
    assert call("GET", "/plans/week/basket").get_json()["unavailable"] == ["oats"]


def test_the_stores_to_compare_can_be_named(kitchen, call, put_meal, price):
    price("oats", offer("corner", 500, 100), offer("market", 500, 200))
    price("milk", offer("corner", 500, 100), offer("market", 500, 200))
    put_meal()
    body = call("GET", "/plans/week/basket?stores=market").get_json()

    assert body["single"]["amount_minor"] == 400


def test_a_store_that_is_not_there_is_named(kitchen, call, plan):
    kitchen("stores", "closed", {"title": text("C"), "city": text("T"), "country": "RS"})
    kitchen("stores", "closed", None)
    for stores, unknown in (("market,none", "none"), ("market,closed", "closed")):
        refused = call("GET", f"/plans/week/basket?stores={stores}")
        assert refused.status_code == 422
        assert refused.get_json()["errors"] == [
            {"field": "stores", "detail": f"names no store: {unknown}"}
        ]
    # One that sells nothing of it is no mistake.
    assert call("GET", "/plans/week/basket?stores=market,corner").status_code == 200


def test_more_than_ten_stores_must_be_named(kitchen, call, put_meal, price):
    names = [f"store-{number:02}" for number in range(11)]
    for name in names:
        kitchen("stores", name, {"title": text(name), "city": text("T"), "country": "RS"})
    price("oats", *(offer(name, 500, 100) for name in names))
    put_meal()
    refused = call("GET", "/plans/week/basket")

    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["field"] == "stores"
    ten = ",".join(names[:10])
    assert call("GET", f"/plans/week/basket?stores={ten}&max_stores=4").status_code == 200


def test_a_plan_that_needs_too_much_is_refused(kitchen, call, put_meal, monkeypatch):
    put_meal()
    monkeypatch.setattr(overview, "MAX_GRAMS", 199)
    refused = call("GET", "/plans/week/basket")

    assert refused.status_code == 422
    assert "200 g of milk" in refused.get_json()["errors"][0]["detail"]


def test_too_much_to_compare_is_told(kitchen, call, put_meal, price, monkeypatch):
    price("oats", offer("corner", 3, 100))
    put_meal()
    monkeypatch.setattr(basket, "MAX_STEPS", 3)
    refused = call("GET", "/plans/week/basket")

    assert refused.status_code == 422
    assert "too much to compare" in refused.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "query", ["currency=USD", "max_stores=0", "max_stores=5", "stores=A", "x=1", "locale=_"]
)
def test_a_query_that_makes_no_sense_is_refused(call, plan, query):
    assert call("GET", f"/plans/week/basket?{query}").status_code == 422
