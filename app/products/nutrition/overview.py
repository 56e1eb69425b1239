"""What a whole plan has, and what it costs to buy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from app.accounts.models import User
from app.errors import NotFound, Unprocessable
from app.products.nutrition import catalog, service
from app.products.nutrition.basket import Basket, Market, Offer, Purchase, TooMuchWork
from app.products.nutrition.catalog import Texts
from app.products.nutrition.content import Ingredient, Store
from app.products.nutrition.macros import Nutrients, grams_of, nutrients_of, total
from app.products.nutrition.models import PlannedMeal
from app.products.nutrition.schemas import (
    MAX_STORES,
    BasketLineOutput,
    BasketOutput,
    BasketQuery,
    BasketsOutput,
    BasketStoreOutput,
    MissingOutput,
    NutrientsOutput,
    PackageOutput,
    PlanDayOutput,
    TargetsOutput,
    TotalsOutput,
)

# Of one ingredient; a family eats less of anything in 28 days.
MAX_GRAMS = 100_000


@dataclass(frozen=True)
class Contents:
    """What a plan is made of: grams by ingredient of each meal that is there, by day."""

    days: Mapping[int, list[dict[str, float]]]
    known: Mapping[str, Ingredient]
    missing: MissingOutput

    def nutrients(self, day: int) -> Nutrients:
        """All that a day has."""
        return total(nutrients_of(grams, self.known) for grams in self.days[day])

    def needs(self) -> dict[str, int]:
        """Grams of each ingredient for the whole plan; a begun gram counts as one."""
        grams: dict[str, float] = {}
        for meals in self.days.values():
            for meal in meals:
                for name, amount in meal.items():
                    grams[name] = grams.get(name, 0) + amount
        return {name: ceil(amount) for name, amount in sorted(grams.items())}


def totals(user: User, plan_id: str) -> TotalsOutput:
    """Energy and macronutrients of a plan by day, against the user's targets.

    Raises:
        NotFound: the user has no such plan.
    """
    catalog.refresh()
    plan = service.get_plan(user.id, plan_id)
    contents = _contents(service.all_meals(user.id, plan_id))
    try:
        wanted = TargetsOutput.model_validate(service.targets(user))
    except NotFound:
        wanted = None
    by_day = {day: contents.nutrients(day) for day in contents.days}
    mean = total(by_day.values()).times(1 / max(len(by_day), 1))
    return TotalsOutput(
        days=[
            PlanDayOutput(
                day=day,
                date=plan.start_date + timedelta(days=day - 1),
                total=NutrientsOutput.model_validate(nutrients),
                difference=_less(nutrients, wanted),
            )
            for day, nutrients in by_day.items()
        ],
        mean=NutrientsOutput.model_validate(mean),
        difference=_less(mean, wanted) if by_day else None,
        targets=wanted,
        missing=contents.missing,
    )


def baskets(user: User, plan_id: str, query: BasketQuery, texts: Texts) -> BasketsOutput:
    """The cheapest ways to buy what a plan needs: at one store, and at several.

    Raises:
        NotFound: the user has no such plan.
        Unprocessable: the plan needs too much, there is too much to compare, or no such store.
    """
    catalog.refresh()
    contents = _contents(service.all_meals(user.id, plan_id))
    chosen = query.stores.split(",") if query.stores else None
    if chosen is not None:
        unknown = set(chosen) - catalog.find_stores(chosen).keys()
        if unknown:
            raise Unprocessable("stores", f"names no store: {min(unknown)}")
    needs = contents.needs()
    for name, grams in needs.items():
        if grams > MAX_GRAMS:
            raise Unprocessable("plan_id", f"needs {grams} g of {name}, above {MAX_GRAMS}")
    offers, stores = _offers(needs, query.currency, chosen)
    market = Market(needs, offers)
    if len(market.stores) > MAX_STORES:
        raise Unprocessable("stores", f"must name up to {MAX_STORES}: there are more to compare")
    try:
        single = market.cheapest(1)
        combination = market.cheapest(query.max_stores)
    except TooMuchWork:
        raise Unprocessable("stores", "must name fewer: there is too much to compare") from None
    show = _Shower(contents, needs, stores, texts)
    return BasketsOutput(
        currency=query.currency,
        single=show.basket(single) if single else None,
        combination=show.basket(combination) if combination else None,
        unavailable=market.unavailable,
        missing=contents.missing,
    )


def _contents(planned: Iterable[PlannedMeal]) -> Contents:
    rows = list(planned)
    meals = catalog.find_meals(row.meal_id for row in rows)
    days: dict[int, list[dict[str, float]]] = {}
    for row in rows:
        here = days.setdefault(row.day, [])
        if row.meal_id in meals:
            grams = grams_of(meals[row.meal_id], row.changes)
            here.append({name: amount * row.servings for name, amount in grams.items()})
    wanted = {name for here in days.values() for meal in here for name in meal}
    known = catalog.find_ingredients(wanted)
    missing = MissingOutput(
        meals=sorted({row.meal_id for row in rows} - meals.keys()),
        ingredients=sorted(wanted - known.keys()),
    )
    return Contents(days, known, missing)


def _less(nutrients: Nutrients, wanted: TargetsOutput | None) -> NutrientsOutput | None:
    if wanted is None:
        return None
    return NutrientsOutput(
        energy_kcal=nutrients.energy_kcal - wanted.energy_kcal,
        protein_g=nutrients.protein_g - wanted.protein_g,
        carbohydrate_g=nutrients.carbohydrate_g - wanted.carbohydrate_g,
        fat_g=nutrients.fat_g - wanted.fat_g,
        fiber_g=nutrients.fiber_g - wanted.fiber_g,
    )


def _offers(
    needs: Iterable[str], currency: str, chosen: list[str] | None
) -> tuple[dict[str, list[Offer]], dict[str, Store]]:
    """The packages in a currency at published stores, by ingredient, and these stores."""
    prices = catalog.find_prices(needs)
    named = {offer.store for found in prices.values() for offer in found.offers}
    stores = catalog.find_stores(named if chosen is None else named.intersection(chosen))
    offers = {
        name: [
            Offer(offer.store, offer.package_grams, offer.amount_minor)
            for offer in found.offers
            if offer.currency == currency and offer.store in stores
        ]
        for name, found in prices.items()
    }
    return offers, stores


@dataclass(frozen=True)
class _Shower:
    """Turns baskets into answers."""

    contents: Contents
    needs: Mapping[str, int]
    stores: Mapping[str, Store]
    texts: Texts

    def basket(self, basket: Basket) -> BasketOutput:
        """A basket with its titles, and what is to be paid at each store."""
        paid = dict.fromkeys(basket.stores, 0)
        for purchase in basket.purchases.values():
            for offer, count in purchase.packages.items():
                paid[offer.store] += offer.amount * count
        return BasketOutput(
            amount_minor=basket.amount,
            stores=[
                BasketStoreOutput(
                    id=store, title=self.texts.of(self.stores[store].title), amount_minor=amount
                )
                for store, amount in paid.items()
            ],
            lines=[self._line(name, bought) for name, bought in basket.purchases.items()],
            missing=list(basket.missing),
        )

    def _line(self, name: str, purchase: Purchase) -> BasketLineOutput:
        known = self.contents.known.get(name)
        return BasketLineOutput(
            ingredient=name,
            title=self.texts.of(known.title) if known else None,
            needed_grams=self.needs[name],
            bought_grams=purchase.grams,
            amount_minor=purchase.amount,
            packages=[
                PackageOutput(
                    store=offer.store,
                    package_grams=offer.grams,
                    amount_minor=offer.amount,
                    count=count,
                )
                for offer, count in purchase.packages.items()
            ],
        )
