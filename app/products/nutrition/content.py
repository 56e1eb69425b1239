"""Ingredients, meals, stores, and what ingredients cost there."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.content.collections import ContentCollection, ContentData, Localized, LongText, ShortText
from app.content.schemas import Slug

# Serbian is written in both alphabets; `sr` is Cyrillic, and `sr-Cyrl` falls back to it.
LOCALES = ("en", "sr", "sr-Latn")
# Some tables round each value up.
MAX_GRAMS_IN_100 = 101

# Annex II of Regulation (EU) No 1169/2011.
Allergen = Literal[
    "gluten",
    "crustaceans",
    "eggs",
    "fish",
    "peanuts",
    "soybeans",
    "milk",
    "nuts",
    "celery",
    "mustard",
    "sesame",
    "sulphites",
    "lupin",
    "molluscs",
]
Allergens = Annotated[
    list[Allergen], Field(max_length=14), AfterValidator(lambda names: sorted(set(names)))
]
In100 = Annotated[float, Field(ge=0, le=100)]
Currency = Literal["RSD", "EUR"]


class Ingredient(ContentData):
    """Energy and macronutrients of 100 g as bought; carbohydrate is without fibre."""

    energy_kcal: float = Field(ge=0, le=902)
    protein_g: In100
    carbohydrate_g: In100
    fat_g: In100
    fiber_g: In100
    allergens: Allergens = Field(default_factory=list)

    @model_validator(mode="after")
    def fit_in_100_grams(self) -> Self:
        """The parts are not more than the whole."""
        parts = self.protein_g + self.carbohydrate_g + self.fat_g + self.fiber_g
        if parts > MAX_GRAMS_IN_100:
            raise ValueError("has more than 100 g of macronutrients in 100 g")
        return self


class MealIngredient(BaseModel):
    """How much of an ingredient a serving has."""

    model_config = ConfigDict(extra="forbid")

    ingredient: Slug
    grams: int = Field(ge=1, le=2000)


class Meal(ContentData):
    """A meal; its nutrients are reckoned from its ingredients, never stored."""

    instructions: Localized[LongText]
    minutes: int = Field(ge=0, le=600)
    ingredients: Annotated[list[MealIngredient], Field(min_length=1, max_length=30)]

    @model_validator(mode="after")
    def name_each_once(self) -> Self:
        """An ingredient that is there twice would be changed twice by a user."""
        names = [item.ingredient for item in self.ingredients]
        if len(set(names)) < len(names):
            raise ValueError("has an ingredient twice")
        return self


class Store(ContentData):
    """Where ingredients are sold."""

    city: Localized[ShortText]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]


class PackageOffer(BaseModel):
    """A package of an ingredient at a store; the price in hundredths (para, cent)."""

    model_config = ConfigDict(extra="forbid")

    store: Slug
    package_grams: int = Field(ge=1, le=100_000)
    currency: Currency
    amount_minor: int = Field(ge=1, le=1_000_000_000)


class Prices(ContentData):
    """What an ingredient costs; the id of the document is the ingredient's."""

    offers: Annotated[list[PackageOffer], Field(max_length=100)]

    @model_validator(mode="after")
    def price_each_once(self) -> Self:
        """A package has one price."""
        keys = {(offer.store, offer.package_grams, offer.currency) for offer in self.offers}
        if len(keys) < len(self.offers):
            raise ValueError("has two prices of one package")
        return self


collections = [
    ContentCollection(name="ingredients", schema=Ingredient, locales=LOCALES),
    ContentCollection(name="meals", schema=Meal, locales=LOCALES),
    ContentCollection(name="stores", schema=Store, locales=LOCALES),
    ContentCollection(name="prices", schema=Prices, locales=LOCALES),
]
