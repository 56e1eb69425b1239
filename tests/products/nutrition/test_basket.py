"""The cheapest basket, against trying everything."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.products.nutrition import basket
from app.products.nutrition.basket import Market, Offer, TooMuchWork

STORES = ("a", "b", "c")
offers = st.builds(Offer, st.sampled_from(STORES), st.integers(1, 9), st.integers(1, 12))
needs = st.dictionaries(st.sampled_from(("oats", "milk", "rice")), st.integers(1, 14), min_size=1)


def cheapest_cover(need: int, packages: list[Offer]) -> int | None:
    """The least price, by trying every number of every package."""
    if not packages:
        return None
    enough = [range(-(-need // package.grams) + 1) for package in packages]
    return min(
        sum(n * package.amount for n, package in zip(counts, packages, strict=True))
        for counts in product(*enough)
        if sum(n * package.grams for n, package in zip(counts, packages, strict=True)) >= need
    )


def cheapest_of_all(
    needed: dict[str, int], sold: dict[str, list[Offer]], most: int
) -> tuple[int, int] | None:
    """How few ingredients are missing, and the least price then, by trying every choice."""
    found = []
    stores = {offer.store for name in needed for offer in sold.get(name, [])}
    for size in range(1, most + 1):
        for chosen in combinations(sorted(stores), size):
            prices = [
                cheapest_cover(need, [o for o in sold.get(name, []) if o.store in chosen])
                for name, need in needed.items()
            ]
            paid = [price for price in prices if price is not None]
            found.append((len(prices) - len(paid), sum(paid)))
    return min(found, default=None)


@settings(deadline=None, max_examples=300)
@given(
    needs,
    st.dictionaries(
        st.sampled_from(("oats", "milk", "rice")), st.lists(offers, max_size=4), max_size=3
    ),
    st.integers(1, 3),
)
def test_nothing_is_cheaper(needed, sold, most):
    found = Market(needed, sold).cheapest(most)
    expected = cheapest_of_all(needed, sold, most)

    if found is None:
        assert expected is None
        return
    assert (len(found.missing), found.amount) == expected
    assert len(found.stores) <= most
    assert found.purchases.keys() | set(found.missing) == needed.keys()
    used = set()
    for name, purchase in found.purchases.items():
        assert purchase.grams >= needed[name]
        assert purchase.packages.keys() <= set(sold[name])
        assert all(count > 0 for count in purchase.packages.values())
        used |= {offer.store for offer in purchase.packages}
    # A store where nothing is bought is not gone to.
    assert used == set(found.stores)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 300), st.lists(offers, min_size=1, max_size=6))
def test_many_packages_are_bought_at_the_least_price(need, packages):
    least = [0] * (need + 1)
    for grams in range(1, need + 1):
        least[grams] = min(o.amount + least[max(0, grams - o.grams)] for o in packages)

    found = Market({"oats": need}, {"oats": packages}).cheapest(len(STORES))

    assert found is not None
    assert found.amount == least[need]


def test_the_best_price_per_gram_is_not_always_the_cheapest():
    big, small = Offer("a", 1000, 500), Offer("a", 100, 90)
    market = Market({"oats": 1100}, {"oats": [big, small]})
    little = Market({"oats": 100}, {"oats": [big, small]})

    assert market.cheapest(1).purchases["oats"].packages == {big: 1, small: 1}
    assert little.cheapest(1).purchases["oats"].packages == {small: 1}


def test_packages_of_two_stores_go_together():
    sold = {"oats": [Offer("a", 500, 100), Offer("b", 200, 45)]}
    market = Market({"oats": 700}, sold)

    assert market.cheapest(1).amount == 180
    assert market.cheapest(2).purchases["oats"].packages == {sold["oats"][0]: 1, sold["oats"][1]: 1}


def test_a_second_store_is_left_out_when_it_saves_nothing():
    sold = {"oats": [Offer("a", 500, 100), Offer("b", 500, 100)]}

    assert Market({"oats": 1000}, sold).cheapest(2).stores == ("a",)


def test_a_basket_with_more_of_what_is_needed_goes_before_a_cheaper_one():
    sold = {"oats": [Offer("a", 500, 100), Offer("b", 500, 900)], "milk": [Offer("b", 500, 900)]}
    market = Market({"oats": 1, "milk": 1, "rice": 1}, sold)

    assert market.cheapest(1).stores == ("b",)
    assert market.cheapest(1).missing == ("rice",)
    assert market.unavailable == ["rice"]


def test_there_is_no_basket_without_offers():
    market = Market({"oats": 1}, {})

    assert market.cheapest(3) is None
    assert market.unavailable == ["oats"]


def test_too_much_to_compare_is_refused_and_not_guessed(monkeypatch):
    monkeypatch.setattr(basket, "MAX_STEPS", 50)
    odd = [Offer("a", 997, 1000), Offer("a", 991, 995), Offer("a", 983, 988)]

    with pytest.raises(TooMuchWork):
        Market({"oats": 99_999}, {"oats": odd}).cheapest(1)


def test_odd_packages_of_a_large_need_stay_within_the_limit():
    odd = [Offer("a", 997, 1000), Offer("a", 991, 995), Offer("a", 983, 988)]

    assert Market({"oats": 99_999}, {"oats": odd}).cheapest(1).amount > 0
